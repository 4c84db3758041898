"""A resolved experiment is written out whole, and reads back as the same experiment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from mabe_core.experiment import Experiment, identity_tree, read_text, resolve, to_text, to_tree
from mabe_core.registry import Registry

TEXT = "name: x\nmodel: transformer\ndata: {dataset: synthetic}\n"


def test_the_tree_names_components_and_fills_in_defaults(load: Callable[..., Experiment]) -> None:
    tree = to_tree(load(TEXT))
    assert tree["model"] == {
        "name": "transformer",
        "hidden_dim": 256,
        "dropout": 0.1,
        "activation": "relu",
        "positional_encoding": {"name": "sinusoidal", "base": 10000.0},
        "heads": [8, 8],
    }
    assert tree["metrics"] == [{"name": "accuracy"}, {"name": "f1"}]
    assert tree["scheduler"] is None


def test_the_identity_leaves_out_what_is_not_asked_for(load: Callable[..., Experiment]) -> None:
    tree = identity_tree(load(TEXT))
    assert not {"name", "description", "plugins", "checkpoint", "device"} & tree.keys()
    assert tree["training"]["epochs"] == 10
    assert tree == identity_tree(load(TEXT, "name=other", "device=cpu", "checkpoint.every_epochs=1"))
    assert tree != identity_tree(load(TEXT, "seed=1"))


def test_writing_a_default_out_or_a_float_as_a_whole_number_changes_nothing(
    load: Callable[..., Experiment],
) -> None:
    spelt_out = load(TEXT, "training.grad_clip=1", "optimizer=adamw", "model.positional_encoding.base=10000")
    assert to_text(spelt_out) == to_text(load(TEXT))


def test_the_text_is_plain_block_style(load: Callable[..., Experiment]) -> None:
    text = to_text(load(TEXT, "optimizer.learning_rate=1e-5", "data.features=[{name: motion}]"))
    assert text.startswith(
        "name: x\ndescription: ''\nplugins: []\nwatchers: []\nseed: 42\ndata:\n  dataset:\n    name: synth"
    )
    assert "  features:\n    - name: motion\n      order: 1\n" in text
    assert "#" not in text


@pytest.mark.parametrize(
    "description",
    [
        "no",
        "1e3",
        "010",
        "0o10",
        "1:30",
        "null",
        "~",
        "",
        " ",
        "a: b",
        "- a",
        "# a",
        "two\nlines",
        "two\nlines\n",
        "\n\nlead and trail \n\n",
        "  indented\nmore",
        "tab\tinside",
        "\x85\u2028\ufeff\x07",
        "Maus läuft → 鼠 🐁",
        "'quoted' \"twice\"",
        "%x @y `z` !t &a *b",
        "x" * 500 + " y" * 200,
        "<<",
        "=",
        "---",
        "...\n---\n",
        "2024-01-02",
        "\r\n",
    ],
)
def test_any_text_survives(load: Callable[..., Experiment], registry: Registry, description: str) -> None:
    import attrs

    experiment = attrs.evolve(load(TEXT), description=description)
    text = to_text(experiment)
    assert resolve(read_text(text), registry) == experiment
    assert yaml.safe_load(text)["description"] == description


@pytest.mark.parametrize("rate", [1e-4, 1e-5, 1e22, 1e-300, 0.1, 3.0, 1.7e308, 123456789.123])
def test_any_number_survives_and_other_readers_of_yaml_read_it_too(
    load: Callable[..., Experiment], registry: Registry, rate: float
) -> None:
    experiment = load(TEXT, f"optimizer.learning_rate={rate!r}".replace("inf", ".inf"))
    text = to_text(experiment)
    read: dict[str, Any] = yaml.safe_load(text)
    assert resolve(read_text(text), registry) == experiment
    assert read["optimizer"]["learning_rate"] == rate
