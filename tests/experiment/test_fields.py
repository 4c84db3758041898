"""Config classes are described in plain words, and their faults are told to their author."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import attrs
import pytest
from attrs.validators import (
    and_,
    deep_iterable,
    ge,
    in_,
    instance_of,
    lt,
    matches_re,
    max_len,
    min_len,
    optional,
)

from mabe_core import Component, FeatureSpec, OptimizerSpec
from mabe_core.configs.annotations import words
from mabe_core.configs.fields import describe, faults
from mabe_core.configs.limits import limits
from mabe_core.experiment.schema import Experiment

from .fake_components import Pairing, Transformer


def test_a_field_is_described_with_type_default_help_and_limits() -> None:
    by_name = {field.name: field for field in describe(Transformer)}
    hidden = by_name["hidden_dim"]
    assert (hidden.type, hidden.default, hidden.help, [*map(str, hidden.limits)], hidden.required) == (
        "a whole number",
        256,
        "width of the model",
        ["> 0"],
        False,
    )
    assert [*map(str, by_name["dropout"].limits)] == [">= 0", "< 1"]
    assert by_name["positional_encoding"].default == {"name": "sinusoidal"}
    assert by_name["positional_encoding"].type == (
        "a positional encoding, by its name or as a map with `name` or null"
    )


def test_the_experiment_describes_itself() -> None:
    by_name = {field.name: field for field in describe(Experiment)}
    assert by_name["name"].required
    assert not by_name["name"].identity
    assert by_name["seed"].identity
    assert by_name["training"].default["epochs"] == 10
    assert all(field.help for field in by_name.values())


@pytest.mark.parametrize(
    ("annotation", "said"),
    [
        (bool, "true or false"),
        (float | None, "a number or null"),
        (None | float, "a number or null"),
        (Literal["a", "b"], "'a' or 'b'"),
        (int | Literal["auto"], "a whole number or 'auto'"),
        (tuple[str, ...], "a list of texts"),
        (list[float], "a list of numbers"),
        (tuple[int, str], "a list of 2 (a whole number, text)"),
        (dict[str, int], "a map from text to whole numbers"),
        (tuple[Component[FeatureSpec[Any]], ...], "a list of features"),
        (Component[OptimizerSpec[Any]], "an optimizer, by its name or as a map with `name`"),
        (list[Pairing], "a list of items, each a map with `pose`, `labels`"),
    ],
)
def test_types_are_said_in_plain_words(annotation: Any, said: str) -> None:
    assert words(annotation) == said


@pytest.mark.parametrize(
    ("validator", "said"),
    [
        (optional(and_(ge(0), lt(1.0))), [">= 0", "< 1"]),
        (in_(("a", "b")), ["one of 'a', 'b'"]),
        (matches_re("[a-z]+"), ["of the form [a-z]+"]),
        (max_len(3), ["at most 3 long"]),
        (min_len(1), ["at least 1 long"]),
        (deep_iterable(ge(0)), ["each >= 0"]),
        (instance_of(str), []),
        (None, []),
        (print, []),
    ],
)
def test_limits_are_said_in_plain_words(validator: Any, said: list[str]) -> None:
    assert [str(limit) for limit in limits(validator)] == said


def test_a_good_config_class_has_no_faults() -> None:
    assert faults(Transformer) == []


@attrs.frozen
class Inner:
    """Holds what an experiment file cannot give."""

    deep: Path
    again: tuple[Inner, ...] = ()


@attrs.frozen
class Bad:
    """Has a fault in every field but one."""

    name: str
    folder: Path
    inner: tuple[Inner, ...]
    fine: int = 3
    _hidden: int = 0
    spread: set[int] = attrs.field(factory=set)
    by_number: dict[int, str] = attrs.field(factory=dict)
    anything: Any = None
    model: Component[Any] | None = None
    bare: Component | None = None  # type: ignore[type-arg]
    width: int = attrs.field(default=3, converter=int)
    half: int = attrs.Factory(lambda self: self.width // 2, takes_self=True)


def test_faults_of_a_config_class_are_told_to_its_author() -> None:
    assert [fault.partition(": ")[0] for fault in faults(Bad)] == [
        *("folder", "inner.deep", "_hidden", "spread", "by_number", "anything", "model", "bare", "width"),
        *("half", "name"),
    ]
    assert faults(int) == ["<class 'int'> is no attrs class"]


@attrs.frozen
class Unresolved:
    """Names a type that nobody defines."""

    width: Nowhere  # type: ignore[name-defined]  # noqa: F821


def test_an_annotation_that_means_nothing_is_a_fault() -> None:
    assert faults(Unresolved) == ["an annotation cannot be resolved: name 'Nowhere' is not defined"]
