"""Components are looked up by kind and name, anywhere in an experiment, and come back complete."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from mabe_core import Component, FeatureSpec, ModelSpec, UserError
from mabe_core.experiment import Experiment, read_text, resolve

from .fake_components import SPECS, Nothing, registry_of, unbuilt

TEXT = "name: x\ndata: {{dataset: synthetic}}\nmodel: {}\n"


@pytest.mark.parametrize("model", ["gru", "{name: gru}", "{name: gru, hidden_dim: 128}"])
def test_a_bare_name_is_short_for_a_map(load: Callable[..., Experiment], model: str) -> None:
    assert load(TEXT.format(model)).model == load(TEXT.format("gru")).model


def test_a_component_comes_with_its_spec_its_config_and_all_its_settings(
    load: Callable[..., Experiment],
) -> None:
    model = load(TEXT.format("{name: gru, hidden_dim: 3}")).model
    assert model.spec is SPECS[1]
    assert model.config == SPECS[1].config(hidden_dim=3)
    assert model.settings == {"hidden_dim": 3, "bidirectional": True}


def test_a_component_inside_a_config_is_resolved(load: Callable[..., Experiment]) -> None:
    encoding = load(TEXT.format("{name: transformer, positional_encoding: {name: sinusoidal, base: 5}}"))
    assert encoding.model.config.positional_encoding.config.base == 5.0
    assert load(TEXT.format("{name: transformer, positional_encoding: null}")).model.config == attrs.evolve(
        load(TEXT.format("transformer")).model.config, positional_encoding=None
    )


def test_a_default_component_is_resolved_with_its_settings(load: Callable[..., Experiment]) -> None:
    experiment = load("name: x\nmodel: gru\ndata: {dataset: {name: pose_files, folder: rats}}\n")
    reader = experiment.data.dataset.config.label_reader
    assert reader.spec is not None
    assert reader.config.unit == "seconds"


def test_a_default_component_without_a_name_keeps_its_settings(load: Callable[..., Experiment]) -> None:
    experiment = load(
        "name: x\nmodel: gru\ndata: {dataset: {name: pose_files, folder: rats, label_reader: {}}}\n"
    )
    assert experiment.data.dataset.config.label_reader.config.unit == "seconds"


def test_a_named_component_has_only_its_own_defaults(load: Callable[..., Experiment]) -> None:
    experiment = load(
        "name: x\nmodel: gru\ndata: {dataset: {name: pose_files, folder: rats, label_reader: boris}}\n"
    )
    assert experiment.data.dataset.config.label_reader.config.unit == "frames"


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("transfromer", "model: no model is named 'transfromer'. Did you mean 'transformer'?"),
        ("{name: transfromer, x: 1}", "model: no model is named 'transfromer'. Did you mean 'transformer'?"),
        ("adamw", "model: no model is named 'adamw'. 'adamw' is the name of another kind: optimizer"),
        ("zzz", "model: no model is named 'zzz'. Valid: gru, transformer."),
        ("{hidden_dim: 3}", "model: `name` is missing: which model? Valid: gru, transformer."),
        ("{nmae: gru}", "model: `name` is missing: which model? Did you mean `name` by `nmae`?"),
        ("{name: 3}", "model: expects the name of a model, not the whole number 3."),
        ("{name: null}", "model: expects the name of a model, not null."),
        ("3", "model: expects a model, by its name or as a map with `name`, not the whole number 3."),
        ("[gru]", "model: expects a model, by its name or as a map with `name`, not a list."),
        ("null", "model: expects a model, by its name or as a map with `name`, not null."),
        (
            "{name: gru, hiden_dim: 3}",
            "model.hiden_dim: there is no key `hiden_dim` in model (gru). Did you mean 'hidden_dim'?",
        ),
        ("{name: gru, dropout: 3}", "model.dropout: there is no key `dropout` in model (gru). Valid: name,"),
        (
            "{name: gru, learning_rate: 3}",
            "model.learning_rate: `learning_rate` is a key of optimizer (adamw), not of model (gru).",
        ),
        (
            "{name: transformer, positional_encoding: {name: sinusoidal, bsae: 3}}",
            "model.positional_encoding.bsae: there is no key `bsae` in model.positional_encoding"
            " (sinusoidal). Did you mean 'base'?",
        ),
        ("g" * 10_000, "model: no model has a name of 10000 characters."),
    ],
)
def test_a_component_that_is_wrong_is_told(
    complaints: Callable[..., list[str]], model: str, said: str
) -> None:
    (complaint,) = complaints(TEXT.format(model))
    assert complaint.startswith(f"e.yaml:3: {said}")


def test_an_unknown_component_is_told_with_the_line_of_its_name(complaints: Callable[..., list[str]]) -> None:
    (complaint,) = complaints("name: x\ndata: {dataset: synthetic}\nmodel:\n  hidden_dim: 3\n  name: gro\n")
    assert complaint == "e.yaml:5: model: no model is named 'gro'. Did you mean 'gru'?"


def test_a_default_that_nobody_provides_says_that_it_is_the_default() -> None:
    bare = registry_of([spec for spec in SPECS if spec.name != "adamw"])
    with pytest.raises(UserError) as caught:
        resolve(read_text("name: x\nmodel: gru\ndata: {dataset: synthetic}\n", "e.yaml"), bare)
    assert str(caught.value) == "e.yaml:1: optimizer: no optimizer is named 'adamw'. It is the default."


@attrs.frozen
class Endless:
    """Holds another of itself."""

    inner: Component[ModelSpec[Any]] = Component("endless")  # noqa: RUF009


def test_a_component_that_holds_itself_without_end_is_told() -> None:
    endless = registry_of([*SPECS, ModelSpec(name="endless", config=Endless, build=unbuilt)])
    with pytest.raises(UserError, match="model 'endless' holds itself"):
        resolve(read_text("name: x\nmodel: endless\ndata: {dataset: synthetic}\n"), endless)


@attrs.frozen
class Nested:
    """Holds components in a list, or one by itself, or a number."""

    parts: tuple[Component[FeatureSpec[Any]], ...] = (Component("motion", {"order": 2}),)
    either: Component[FeatureSpec[Any]] | int = 3
    by_role: dict[str, Component[FeatureSpec[Any]]] = attrs.field(factory=dict)


def test_components_stand_in_lists_maps_and_alternatives() -> None:
    registry = registry_of(
        [
            *SPECS,
            ModelSpec(name="nested", config=Nested, build=unbuilt),
            FeatureSpec(name="n", config=Nothing, build=unbuilt),
        ]
    )
    text = "name: x\ndata: {{dataset: synthetic}}\nmodel: {{name: nested{}}}\n"
    plain = resolve(read_text(text.format("")), registry).model.config
    assert plain.parts[0].config.order == 2
    given = resolve(
        read_text(text.format(", either: n, parts: [n, {name: motion}], by_role: {a: n}")), registry
    ).model.config
    assert [part.name for part in given.parts] == ["n", "motion"]
    assert given.either.spec is not None
    assert given.by_role["a"].spec is not None
    with pytest.raises(UserError, match=r"model\.by_role\.a: no feature is named 'zz'"):
        resolve(read_text(text.format(", by_role: {a: zz}")), registry)
