"""`extends` lays a file over another: the child wins, maps merge, lists replace, another component drops."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mabe_core import UserError
from mabe_core.experiment import Document, Experiment, read_document

BASE = """\
name: base
seed: 1
data:
  dataset: synthetic
  features: [motion, normalize]
  frame_gap: 2
model:
  name: transformer
  hidden_dim: 64
  dropout: 0.3
  positional_encoding: {name: sinusoidal, base: 100.0}
"""


def child(document: Callable[..., Document], text: str, *overrides: str) -> dict[str, object]:
    tree: dict[str, object] = document(f"extends: base.yaml\n{text}", *overrides, base=BASE).tree
    return tree


def test_the_child_wins_and_maps_merge(document: Callable[..., Document]) -> None:
    tree = child(document, "name: child\ndata: {frame_gap: 3}\n")
    assert tree["name"] == "child"
    assert tree["seed"] == 1
    assert tree["data"] == {"dataset": "synthetic", "features": ["motion", "normalize"], "frame_gap": 3}
    assert "extends" not in tree


def test_the_experiments_own_name_is_no_component_that_could_change(
    document: Callable[..., Document],
) -> None:
    assert child(document, "name: other\n")["seed"] == 1


def test_lists_replace(document: Callable[..., Document]) -> None:
    assert child(document, "data: {features: [normalize]}\n")["data"]["features"] == ["normalize"]  # type: ignore[index]


@pytest.mark.parametrize("model", ["gru", "{name: gru}"])
def test_another_component_drops_the_parents_config(document: Callable[..., Document], model: str) -> None:
    assert child(document, f"model: {model}\n")["model"] in ("gru", {"name": "gru"})


@pytest.mark.parametrize("model", ["transformer", "{name: transformer}", "{dropout: 0.3}"])
def test_the_same_component_keeps_the_parents_config(document: Callable[..., Document], model: str) -> None:
    assert child(document, f"model: {model}\n")["model"] == {
        "name": "transformer",
        "hidden_dim": 64,
        "dropout": 0.3,
        "positional_encoding": {"name": "sinusoidal", "base": 100.0},
    }


def test_a_component_inside_a_component_changes_by_itself(document: Callable[..., Document]) -> None:
    model = child(document, "model: {positional_encoding: rotary}\n")["model"]
    assert model == {
        "name": "transformer",
        "hidden_dim": 64,
        "dropout": 0.3,
        "positional_encoding": "rotary",
    }


def test_config_laid_over_a_bare_name_belongs_to_that_component(document: Callable[..., Document]) -> None:
    data = child(document, "data: {dataset: {windows: 3}}\n")["data"]
    assert data["dataset"] == {"name": "synthetic", "windows": 3}  # type: ignore[index]


def test_null_and_scalars_replace_maps(document: Callable[..., Document]) -> None:
    assert child(document, "model: {positional_encoding: null}\n")["model"]["positional_encoding"] is None  # type: ignore[index]


def test_a_chain_of_files_is_followed(load: Callable[..., Experiment]) -> None:
    experiment = load(
        "extends: b.yaml\nname: c\n", b="extends: a.yaml\nseed: 2\nmodel: {hidden_dim: 32}\n", a=BASE
    )
    assert (experiment.name, experiment.seed, experiment.data.frame_gap) == ("c", 2, 2)
    assert (experiment.model.config.hidden_dim, experiment.model.config.dropout) == (32, 0.3)


def test_an_error_names_the_file_that_wrote_it(complaints: Callable[..., list[str]]) -> None:
    assert complaints(
        "extends: base.yaml\nmodel: {dropuot: 0.5}\n", base=BASE + "sede: 3\nname: again\n"
    ) == [
        "e.yaml:2: model.dropuot: there is no key `dropuot` in model (transformer). Did you mean 'dropout'?",
        "base.yaml:12: sede: there is no key `sede` in the experiment itself. Did you mean 'seed'?",
        "base.yaml:13: the key `name` was already given on line 1. Keep one of the two.",
    ]


def test_what_is_missing_after_all_is_told_of_the_child(complaints: Callable[..., list[str]]) -> None:
    assert complaints("extends: base.yaml\nmodel: gru\n", base="name: base\ndata:\n  frame_gap: 2\n") == [
        "base.yaml:2: data: `dataset` is missing: where recordings and labels come from."
    ]


def test_a_circle_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.yaml").write_text("extends: b.yaml\n")
    Path("b.yaml").write_text("name: b\nextends: ./a.yaml\n")
    with pytest.raises(UserError) as caught:
        read_document("a.yaml")
    assert str(caught.value) == (
        "b.yaml:2: extends: goes in a circle: a.yaml → b.yaml → a.yaml. Take one `extends` out."
    )


@pytest.mark.parametrize(
    ("extends", "said"),
    [
        ("bsae.yaml", "there is no file 'bsae.yaml'. Did you mean 'base.yaml'?"),
        ("nowhere/base.yaml", "there is no file 'nowhere/base.yaml'. There is no folder 'nowhere' either."),
        (".", "'.' is a directory, not an experiment file."),
        ("x" * 300, "there is no file"),
        ("3", "expects the name of another experiment file, relative to this one."),
        ("[base.yaml]", "expects the name of another experiment file, relative to this one."),
        ("null", "expects the name of another experiment file, relative to this one."),
        ("e.yaml", "goes in a circle: e.yaml → e.yaml. Take one `extends` out."),
    ],
)
def test_a_parent_that_cannot_be_had_is_told(
    complaints: Callable[..., list[str]], extends: str, said: str
) -> None:
    (complaint,) = complaints(f"name: x\nextends: {extends}\n", base=BASE)
    assert complaint.startswith(f"e.yaml:2: extends: {said}")


def test_a_chain_without_end_is_refused(write: Callable[..., Path]) -> None:
    file = write("extends: f0.yaml\n", **{f"f{n}": f"extends: f{n + 1}.yaml\n" for n in range(40)})
    with pytest.raises(UserError, match="more than 20 files extend one another"):
        read_document(file)


def test_a_parent_that_is_no_yaml_is_told_with_its_own_line(complaints: Callable[..., list[str]]) -> None:
    (complaint,) = complaints("extends: base.yaml\n", base="name: x\nmodel: &a b\n")
    assert complaint.startswith("base.yaml:2: aliases and anchors (&a)")
