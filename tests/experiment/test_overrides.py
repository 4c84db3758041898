"""`--set KEY=VALUE` changes one value after the other, as strictly as the file is read."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mabe_core.experiment import Document, Experiment

TEXT = """\
name: x
data:
  dataset: synthetic
  features: [motion, {name: motion, order: 2}]
model:
  name: transformer
  hidden_dim: 64
"""


@pytest.mark.parametrize(
    ("override", "path", "value"),
    [
        ("seed=7", ["seed"], 7),
        ("name=other", ["name"], "other"),
        ("description=no", ["description"], "no"),
        ("description=", ["description"], None),
        ("description='3'", ["description"], "3"),
        ("description=a=b", ["description"], "a=b"),
        ("model.dropout=1e-4", ["model", "dropout"], 1e-4),
        ("training.epochs=3", ["training"], {"epochs": 3}),
        ("data.features=[normalize]", ["data", "features"], ["normalize"]),
        ("data.features.1.order=1", ["data", "features", 1], {"name": "motion", "order": 1}),
        ("data.features[1].order=1", ["data", "features", 1], {"name": "motion", "order": 1}),
        ("data.features.0.order=1", ["data", "features", 0], {"name": "motion", "order": 1}),
        ("data.features.0=normalize", ["data", "features", 0], "normalize"),
        ("data.dataset.windows=3", ["data", "dataset"], {"name": "synthetic", "windows": 3}),
        ("model={dropout: 0.2}", ["model"], {"name": "transformer", "hidden_dim": 64, "dropout": 0.2}),
        ("model=gru", ["model"], "gru"),
        ("model.name=gru", ["model"], {"name": "gru"}),
        ("model.name=transformer", ["model"], {"name": "transformer", "hidden_dim": 64}),
    ],
)
def test_a_value_is_set(
    document: Callable[..., Document], override: str, path: list[str | int], value: object
) -> None:
    tree = document(TEXT, override).tree
    for step in path:
        tree = tree[step]  # type: ignore[index]
    assert tree == value


def test_the_later_wins_and_stands_on_what_the_earlier_did(document: Callable[..., Document]) -> None:
    tree = document(TEXT, "seed=1", "seed=2", "model=gru", "model.hidden_dim=8").tree
    assert tree["seed"] == 2
    assert tree["model"] == {"name": "gru", "hidden_dim": 8}


def test_a_default_component_can_be_configured_without_being_named(load: Callable[..., Experiment]) -> None:
    optimizer = load(TEXT, "optimizer.learning_rate=0.5").optimizer
    assert (optimizer.name, optimizer.config.learning_rate) == ("adamw", 0.5)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("model.hidden_dim=abc", "model.hidden_dim: expects a whole number, not the text 'abc'."),
        ("model.hiden_dim=3", "model.hiden_dim: there is no key `hiden_dim` in model (transformer)."),
        ("seed.x=3", "seed: expects a whole number, not a map."),
        ("data.features.2=motion", "'2' is no index of the list before it: it has items 0 to 1."),
        ("data.features.x=motion", "'x' is no index of the list before it: it has items 0 to 1."),
        ("seed", "expects KEY=VALUE, such as `training.epochs=3`."),
        ("=3", "expects KEY=VALUE, such as `training.epochs=3`."),
        ("a..b=3", "expects KEY=VALUE, such as `training.epochs=3`."),
        ("extends=other.yaml", "`extends` is a matter of the file itself."),
        ("seed=[1", "not valid YAML"),
        ("seed=&a 1", "aliases and anchors (&a) are not read here."),
        ("seed={a: 1, a: 2}", "the key `a` was already given"),
        ("seed=" + "[" * 3000, "lists and maps are nested more than 50 deep."),
        (".".join("a" * 60) + "=1", "lists and maps are nested more than 50 deep."),
        (".".join("a" * 40) + "=" + "[" * 20 + "]" * 20, "lists and maps are nested more than 50 deep."),
        ("seed=" + "9" * 30, "the whole number 9"),
    ],
)
def test_what_is_wrong_with_an_override_points_to_it(
    complaints: Callable[..., list[str]], override: str, said: str
) -> None:
    (complaint, *_) = complaints(TEXT, override)
    assert complaint.startswith(f"--set {override}: {said}")


def test_all_wrong_overrides_are_told_together(complaints: Callable[..., list[str]]) -> None:
    assert len(complaints(TEXT, "seed", "a..b=1", "seed=3")) == 2


def test_what_the_file_lacks_is_still_told_of_the_file(complaints: Callable[..., list[str]]) -> None:
    assert complaints("name: x\ndata:\n  frame_gap: 1\nmodel: gru\n", "data.frame_gap=2") == [
        "e.yaml:2: data: `dataset` is missing: where recordings and labels come from."
    ]
