"""The JSON Schema against an independent validator: it allows what is valid, and refuses what people get wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import jsonschema
import pytest
from attrs.validators import in_, matches_re, max_len, min_len, optional
from hypothesis import given, settings

from mabe_core import Component, DatasetSpec, ModelSpec, UserError
from mabe_core.discovery import load_plugins
from mabe_core.experiment import read_document, read_text, resolve, to_tree
from mabe_core.experiment.json_schema import EDITOR_COMMENT, FILE, experiment_schema, schema_text
from mabe_core.experiment.yaml_source import read_source
from mabe_core.registry import Registry

from .fake_components import SMALL, SPECS, Pairing, registry_of, unbuilt
from .mutations import ORIGINAL
from .test_properties import REGISTRY, as_json, experiments

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
FAKE = jsonschema.Draft202012Validator(experiment_schema(REGISTRY))


def tree_of(text: str) -> Any:
    """Read an experiment as an editor does: by itself, with `extends` like any other key."""
    return read_source(text, "e.yaml")[0].plain()


def is_allowed(text: str, schema: jsonschema.Draft202012Validator = FAKE) -> bool:
    return bool(schema.is_valid(tree_of(text)))


def test_it_is_itself_valid_json_schema() -> None:
    for registry in (REGISTRY, load_plugins(), Registry([])):
        jsonschema.Draft202012Validator.check_schema(json.loads(schema_text(registry)))


@pytest.mark.parametrize("file", sorted(EXPERIMENTS.glob("*.yaml")), ids=lambda file: file.name)
def test_every_shipped_experiment_is_allowed_and_leads_editors_to_the_schema(file: Path) -> None:
    schema = jsonschema.Draft202012Validator(json.loads((EXPERIMENTS / FILE).read_text(encoding="utf-8")))
    schema.validate(read_document(file).tree)
    assert f"{EDITOR_COMMENT}{FILE}" in file.read_text(encoding="utf-8").splitlines()[:5]


@settings(max_examples=120, deadline=None)
@given(experiments)
def test_whatever_is_valid_is_allowed(tree: dict[str, Any]) -> None:
    document = read_text(as_json(tree))
    FAKE.validate(document.tree)
    FAKE.validate(to_tree(resolve(document, REGISTRY)))


WRONG = [
    (("name: v3_transformer\n", ""), "name"),
    (("name: v3_transformer", "name: V3"), "name"),
    (("seed: 42", "sede: 42"), "sede"),
    (("seed: 42", "seed: many"), "seed"),
    (("seed: 42", "seed: 1.5"), "seed"),
    (("seed: 42", "seed: -1"), "seed"),
    (("windows: 3200", "windows: true"), "windows"),
    (("windows: 3200", "windows: 0"), "windows"),
    (("windows: 3200", "window: 3"), "window"),
    (("{name: synthetic, windows: 3200}", "synthetics"), "dataset"),
    (("{name: synthetic, windows: 3200}", "[synthetic]"), "dataset"),
    (("{name: synthetic, windows: 3200}", "pose_files"), "dataset"),
    (("{name: synthetic, windows: 3200}", "{name: pose_files}"), "folder"),
    (("{name: synthetic, windows: 3200}", "{name: pose_files, folder: a, label_reader: {unit: hours}}"), "unit"),
    (("{name: synthetic, windows: 3200}", "{name: pose_files, folder: a, label_reader: {units: frames}}"), "units"),
    (("{name: synthetic, windows: 3200}", "{name: pose_files, folder: a, crop: [1]}"), "crop"),
    (("{name: synthetic, windows: 3200}", "{name: pose_files, folder: a, crop: [1, 2, 3]}"), "crop"),
    (("{name: synthetic, windows: 3200}", "{name: pose_files, folder: a, fps: fiel}"), "fps"),
    (("{name: synthetic, windows: 3200}", "{name: pose_files, folder: a, rename: {b: 3}}"), "rename"),
    (("{name: synthetic, windows: 3200}", "{name: pose_files, folder: a, pairs: [{labels: b}]}"), "pose"),
    (("- motion", "- {name: motion, order: 3}"), "order"),
    (("- motion", "- {order: 1}"), "name"),
    (("- motion", "- motoin"), "features"),
    (("  name: transformer\n", ""), "name"),
    (("hidden_dim: 256", "hidden_dim: 256\n  learning_rate: 1"), "learning_rate"),
    (("dropout: 0.1", "dropout: 1"), "dropout"),
    (("    name: sinusoidal", "    name: cosine"), "positional_encoding"),
    (("base: 1e4", "base: '1e4'"), "base"),
    (("heads: [8, 8]", "heads: 8"), "heads"),
    (("epochs: 10", "epochs: ten"), "epochs"),
    (("grad_clip: 1.0", "dropout: 1.0"), "dropout"),
    (("checkpoint: {every_epochs: 5}", "checkpoint: 5"), "checkpoint"),
    (("checkpoint: {every_epochs: 5}", "device: gpu"), "device"),
    (("checkpoint: {every_epochs: 5}", "extends: 3"), "extends"),
    (("checkpoint: {every_epochs: 5}", "cloud: {gpu: T5}"), "gpu"),
    (("checkpoint: {every_epochs: 5}", "cloud: {gpu: 'T4:9'}"), "gpu"),
    (("base: 1e4", "base: .inf"), "base"),
    (("grad_clip: 1.0", "grad_clip: .inf"), "grad_clip"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "told"), WRONG, ids=[f"{told}: {new!r}" for (_, new), told in WRONG])
def test_what_people_get_wrong_is_refused_where_it_is(change: tuple[str, str], told: str) -> None:
    assert change[0] in ORIGINAL
    text = ORIGINAL.replace(*change)
    errors = [f"{error.json_path} {error.message}" for error in FAKE.iter_errors(tree_of(text))]
    assert errors
    assert all(told in error for error in errors)
    with pytest.raises(UserError):
        resolve(read_text(text), REGISTRY)


def test_a_file_that_extends_another_need_not_be_whole_but_is_checked() -> None:
    assert is_allowed("extends: a.yaml\nmodel: {hidden_dim: 3}\ndata: {dataset: {folder: b}}")
    assert not is_allowed("model: {hidden_dim: 3}\ndata: {dataset: {folder: b}}")
    assert not is_allowed("extends: a.yaml\nmodel: {hiden_dim: 3}")
    assert not is_allowed("extends: a.yaml\nmodel: {name: gru, dropout: 0.1}")
    assert not is_allowed("extends: a.yaml\ndata: {features: [{order: 1}]}")


def test_a_component_without_a_name_is_the_default_one() -> None:
    assert is_allowed(SMALL + "optimizer: {learning_rate: 1.0}\n")
    assert not is_allowed(SMALL + "optimizer: {min_lr: 1.0}\n")
    assert not is_allowed(SMALL + "scheduler: {min_lr: 1.0}\n")


@attrs.frozen
class Odd:
    """Has every validator."""

    word: str = attrs.field(default="a", validator=[matches_re("[ab]+"), max_len(3)])
    words: tuple[str, ...] = attrs.field(default=("a",), validator=min_len(1))
    choice: int | None = attrs.field(default=None, validator=optional(in_([1, 2])))
    pair: Pairing | None = None
    endless: float = float("inf")
    files: Component[DatasetSpec[Any]] = Component("pose_files", {"folder": "here"})  # noqa: RUF009


@pytest.mark.parametrize(
    ("entry", "allowed"),
    [
        ("word: ab", True),
        ("word: abc", False),
        ("word: bababa", False),
        ("words: []", False),
        ("choice: null", True),
        ("choice: 2", True),
        ("choice: 3", False),
        ("pair: {pose: a}", True),
        ("pair: {}", False),
        ("pair: null", True),
        ("files: {fps: 3}", True),
        ("files: {name: pose_files, fps: 3}", False),
        ("files: pose_files", False),
    ],
)
def test_every_validator_and_nested_thing_is_said(entry: str, allowed: bool) -> None:
    registry = registry_of([*SPECS, ModelSpec(name="odd", config=Odd, build=unbuilt)])
    text = f"name: x\ndata: {{dataset: synthetic}}\nmodel:\n  name: odd\n  {entry}\n"
    assert is_allowed(text, jsonschema.Draft202012Validator(experiment_schema(registry))) is allowed
    if allowed:
        resolve(read_text(text), registry)
    else:
        with pytest.raises(UserError):
            resolve(read_text(text), registry)


def test_editors_are_told_helps_defaults_and_what_is_deprecated() -> None:
    old = ModelSpec(name="old", config=Odd, build=unbuilt, deprecated="name gru instead")
    definitions = experiment_schema(registry_of([*SPECS, old]))["$defs"]
    hidden = definitions["model.transformer"]["properties"]["hidden_dim"]
    assert hidden == {
        "description": "width of the model",
        "default": 256,
        "type": "integer",
        "exclusiveMinimum": 0,
    }
    assert definitions["model.old"]["deprecated"] is True
    assert "default" not in definitions["model.old"]["properties"]["endless"]


@pytest.mark.parametrize(
    ("study", "allowed"),
    [
        ("seeds: [0, 1]\n  folds: 5\n  grid: {model: [transformer, {name: gru}], a.b: [1, null, [x]]}", True),
        ("folds: {number: 5, by: subject}", True),
        ("sample: {trials: 3, space: {a: {low: 1, high: 2.5, log: true}, b: [x, y]}}", True),
        ("sedes: [0]", False),
        ("seeds: [a]", False),
        ("grid: {model: transformer}", False),
        ("folds: {by: subject}", False),
        ("sample: {trials: 3}", False),
        ("sample: {trials: 3, sampler: grid, space: {a: [1, 2]}}", False),
        ("sample: {trials: 3, space: {a: {low: 1}}}", False),
    ],
)
def test_a_study_is_checked_by_its_shape(study: str, allowed: bool) -> None:
    assert is_allowed(f"{SMALL}study:\n  {study}\n") is allowed
