"""Any change of a shipped experiment that is accepted resolves, prints, and resolves again to the same id."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mabe_core import UserError
from mabe_core.discovery import load_plugins
from mabe_core.experiment import identity_tree, read_document, read_text, resolve, to_text
from mabe_core.experiment.text import inline_text
from mabe_core.registry import Registry
from mabe_core.runs.identity import experiment_id
from tests.conftest import ROOT

SHIPPED = sorted((ROOT / "experiments").glob("*.yaml"))


@functools.cache
def registry() -> Registry:
    return load_plugins()


@functools.cache
def places(file: Path) -> tuple[tuple[str, Any], ...]:
    """Return every value of a resolved experiment with the key that `--set` knows it by."""

    def below(value: Any, key: str) -> list[tuple[str, Any]]:
        if isinstance(value, dict):
            return [
                each
                for name, inner in value.items()
                for each in below(inner, f"{key}.{name}" if key else name)
            ]
        if isinstance(value, list):
            return [each for number, inner in enumerate(value) for each in below(inner, f"{key}[{number}]")]
        return [(key, value)]

    tree = resolve(read_document(file, ["study=null"]), registry())
    return tuple(below({**identity_tree(tree)}, ""))


def other(value: Any) -> st.SearchStrategy[Any]:
    """Draw what may stand in place of a value."""
    near = {
        bool: st.booleans(),
        int: st.integers(0, 300) | st.integers(),
        float: st.floats(0, 1) | st.floats(allow_nan=False) | st.integers(0, 9),
        str: st.text(max_size=12) | st.sampled_from(["adamw", "cosine", "float64", "no", "1e3", "~", "a: b"]),
    }
    return near.get(type(value), st.none()) | st.none() | st.just(value)


@st.composite
def changes(draw: st.DrawFn) -> tuple[Path, list[str]]:
    file = draw(st.sampled_from(SHIPPED))
    chosen = draw(
        st.lists(st.sampled_from(places(file)), min_size=1, max_size=4, unique_by=lambda each: each[0])
    )
    return file, [f"{key}={inline_text(draw(other(value)))}" for key, value in chosen]


@settings(max_examples=150, deadline=None)
@given(changes())
def test_an_accepted_experiment_has_one_id_however_it_is_written(change: tuple[Path, list[str]]) -> None:
    file, overrides = change
    try:
        experiment = resolve(read_document(file, ["study=null", *overrides]), registry())
    except UserError:
        return
    text = to_text(experiment)
    again = resolve(read_text(text), registry())
    assert again == experiment
    assert to_text(again) == text
    assert experiment_id(again, registry()) == experiment_id(experiment, registry())


@settings(max_examples=60, deadline=None)
@given(changes())
def test_what_says_where_and_how_it_runs_is_not_in_the_id(change: tuple[Path, list[str]]) -> None:
    file, overrides = change
    where = [
        "device=cpu",
        "step=plain",
        "threads=3",
        "cloud.gpu=H100",
        "checkpoint.every_epochs=7",
        "description=x",
    ]
    try:
        ids = {
            experiment_id(resolve(read_document(file, ["study=null", *words]), registry()), registry())
            for words in (overrides, [*overrides, *where])
        }
    except UserError:
        return
    assert len(ids) == 1
