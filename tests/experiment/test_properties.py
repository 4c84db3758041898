"""Any valid experiment survives being written and read; any other text is told, never a traceback."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mabe_core import UserError
from mabe_core.experiment import read_text, resolve, to_text, to_tree

from .fake_components import SPECS, registry_of
from .mutations import ORIGINAL, mutated

REGISTRY = registry_of(SPECS)

Drawn = st.SearchStrategy[Any]

tricky = st.sampled_from(
    ["no", "1e3", "010", "1:30", "~", "", "0x1f", ".inf", "<<", "=", " a\nb ", "a\n", "- a", "a: b"]
)
words = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20) | tricky
positive = st.integers(1, 2**63 - 1)
numbers = st.floats(min_value=1e-300, allow_infinity=False) | st.integers(1, 2**60)
fractions = st.floats(0, 1, exclude_max=True)


def section(needed: dict[str, Any] | None = None, **optional: Drawn) -> Drawn:
    """Draw a map with what is needed and any of what is optional."""
    return st.fixed_dictionaries(needed or {}, optional=optional)


def component(name: str, **settings: Drawn) -> Drawn:
    """Draw a component with any of its settings, or its bare name."""
    return section({"name": st.just(name)}, **settings) | st.just(name)


encodings = component("sinusoidal", base=numbers) | component("rotary") | st.none()
models = component("gru", hidden_dim=positive, bidirectional=st.booleans()) | component(
    "transformer",
    hidden_dim=positive,
    dropout=fractions,
    activation=st.sampled_from(["relu", "gelu"]),
    positional_encoding=encodings,
    heads=st.lists(st.integers(-5, 5), max_size=3),
)
pose_files = section(
    {"name": st.just("pose_files"), "folder": words},
    label_reader=component("boris", unit=st.sampled_from(["frames", "seconds"])),
    pairs=st.lists(section({"pose": words}, labels=words | st.none()), max_size=3),
    rename=st.dictionaries(words, words, max_size=3),
    fps=numbers | st.just("file"),
    crop=st.tuples(st.integers(-9, 9), st.integers(-9, 9)) | st.none(),
    classes=st.lists(words, max_size=3),
)
synthetic = component("synthetic", windows=positive, frequencies=st.lists(fractions, max_size=3))
features = component("motion", order=st.sampled_from([1, 2])) | component("normalize")
schedulers = component("cosine", min_lr=fractions, warmup=fractions, cycles=positive | st.none())
data = section(
    {"dataset": synthetic | pose_files},
    features=st.lists(features, max_size=3),
    sequence_length=positive,
    input_dim=positive | st.none(),
)
experiments = section(
    {"name": st.from_regex(r"[a-z0-9][a-z0-9_-]{0,20}", fullmatch=True), "data": data, "model": models},
    description=words,
    seed=st.integers(0, 2**63 - 1),
    optimizer=component("adamw", learning_rate=numbers, weight_decay=fractions),
    scheduler=schedulers | st.none(),
    training=section(epochs=positive, grad_clip=numbers | st.none(), monitor=words),
    checkpoint=section(every_epochs=positive | st.none()),
    device=st.sampled_from(["auto", "cpu", "cuda:3"]),
)


def as_json(tree: dict[str, Any]) -> str:
    """Write a tree as JSON, which is YAML too, with whatever is not printable escaped."""
    text = json.dumps(tree, ensure_ascii=False)
    return "".join(letter if letter.isprintable() else f"\\U{ord(letter):08x}" for letter in text)


@settings(max_examples=120, deadline=None)
@given(experiments)
def test_any_valid_experiment_survives_being_written_and_read(tree: dict[str, Any]) -> None:
    experiment = resolve(read_text(as_json(tree)), REGISTRY)
    text = to_text(experiment)
    again = resolve(read_text(text), REGISTRY)
    assert again == experiment
    assert to_text(again) == text
    assert yaml.safe_load(text) == to_tree(experiment)


def test_the_text_that_is_mutated_is_valid() -> None:
    assert resolve(read_text(ORIGINAL), REGISTRY).model.name == "transformer"


@pytest.mark.parametrize("seed", range(10))
def test_any_text_works_or_is_told(seed: int) -> None:
    rng = random.Random(seed)
    refused = [is_refused(mutated(rng)) for _ in range(50)]
    assert 0 < sum(refused) < 50


def is_refused(text: str) -> bool:
    """Return whether a text is refused, having checked that it is told well, or survives being written."""
    problems: list[str] = []
    try:
        experiment = resolve(read_text(text, "e.yaml"), REGISTRY)
    except UserError as error:
        problems = [str(problem) for problem in error.problems]
    else:
        assert to_text(resolve(read_text(to_text(experiment)), REGISTRY)) == to_text(experiment)
        return False
    assert problems
    assert all(problem.startswith(("e.yaml", "…")) for problem in problems), text
    return True
