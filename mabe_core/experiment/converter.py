"""The cattrs converter that is strict: no coercion but int to float, and components looked up by name."""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterable
from typing import Any, Literal

import attrs
from cattrs import BaseValidationError, Converter, IterableValidationError
from cattrs.errors import IterableValidationNote
from cattrs.gen import make_dict_structure_fn, override

from mabe_core.configs.annotations import (
    SCALARS,
    attributes,
    is_config,
    item_types,
    kind_of,
    members,
    value_type,
    with_article,
    words,
)
from mabe_core.configs.fields import complete, default_of, is_finite, plain
from mabe_core.errors import UserError, did_you_mean, nearest
from mabe_core.experiment.fit import Unfit, accepts, found, unfit
from mabe_core.experiment.rules import broken_rule
from mabe_core.experiment.yaml_source import MAX_KEY
from mabe_core.registry import KINDS, Registry
from mabe_core.specs import Component

MAX_NESTED_COMPONENTS = 20
MOST_ERRORS = 50  # in one list or map; nobody reads further

Hook = Callable[[Any, Any], Any]


def strict_converter(registry: Registry) -> Converter:
    """Return a converter that structures plain trees into config classes.

    Its errors are cattrs' groups, whose leaves are Unfit, UserError (from the registry), KeyError for a
    missing field, ForbiddenExtraKeysError, and ValueError or TypeError from a class's own checks.
    """
    converter = Converter(detailed_validation=True, forbid_extra_keys=True)
    for scalar in SCALARS:
        converter.register_structure_hook(scalar, _scalar)
    converter.register_structure_hook_func(lambda annotation: annotation is Any, lambda value, _: value)
    factories: list[tuple[Callable[[Any], bool], Callable[[Any, Converter], Hook]]] = [
        (lambda annotation: typing.get_origin(annotation) is Literal, _literal_hook),
        (lambda annotation: len(members(annotation)) > 1, _union_hook),
        (lambda annotation: item_types(annotation) is not None, _list_hook),
        (lambda annotation: value_type(annotation) is not None, _map_hook),
        (is_config, _class_hook),
        (
            lambda annotation: kind_of(annotation) is not None,
            lambda annotation, made: _component_hook(annotation, made, registry),
        ),
    ]
    for applies, factory in factories:
        converter.register_structure_hook_factory(applies, factory)
    return converter


def _scalar(value: Any, annotation: Any) -> Any:
    if not accepts(annotation, value):
        raise unfit(annotation, value)
    return float(value) if annotation is float else value


def _literal_hook(annotation: Any, _: Converter) -> Hook:
    def structure(value: Any, _: Any) -> Any:
        if not accepts(annotation, value):
            raise unfit(annotation, value)
        return value

    return structure


def _union_hook(annotation: Any, converter: Converter) -> Hook:
    alternatives = members(annotation)

    def structure(value: Any, _: Any) -> Any:
        fitting = [each for each in alternatives if accepts(each, value)]
        exact = [each for each in fitting if each is type(value)]
        if not fitting:
            raise unfit(annotation, value)
        *others, last = exact or fitting
        for each in others:
            try:
                return converter.structure(value, each)
            except (ValueError, BaseValidationError):
                continue
        return converter.structure(value, last)

    return structure


def _list_hook(annotation: Any, converter: Converter) -> Hook:
    types = item_types(annotation)
    assert types is not None
    any_number = types[-1] is ...
    make = list if typing.get_origin(annotation) is list else tuple

    def structure(value: Any, _: Any) -> Any:
        if not isinstance(value, list):
            raise unfit(annotation, value)
        if not any_number and len(value) != len(types):
            raise Unfit(f"expects {words(annotation)}, not one of {len(value)}.")
        wanted = [types[0]] * len(value) if any_number else types
        return make(_each(converter, enumerate(value), wanted, annotation))

    return structure


def _map_hook(annotation: Any, converter: Converter) -> Hook:
    wanted = value_type(annotation)

    def structure(value: Any, _: Any) -> Any:
        if not isinstance(value, dict):
            raise unfit(annotation, value)
        return dict(
            zip(value, _each(converter, value.items(), [wanted] * len(value), annotation), strict=True)
        )

    return structure


def _each(
    converter: Converter, items: Iterable[tuple[Any, Any]], types: Iterable[Any], annotation: Any
) -> list[Any]:
    """Structure every item, and raise the errors of many of them together, as cattrs does."""
    structured: list[Any] = []
    errors: list[Exception] = []
    for (index, item), wanted in zip(items, types, strict=True):
        if len(errors) == MOST_ERRORS:
            break
        try:
            structured.append(converter.structure(item, wanted))
        except (ValueError, BaseValidationError) as error:
            error.add_note(IterableValidationNote(f"at {index!r}", index, wanted))
            errors.append(error)
    if errors:
        raise IterableValidationError(f"while structuring {annotation}", errors, annotation)
    return structured


def _class_hook(config: Any, converter: Converter) -> Hook:
    hooks: dict[str, Any] = {
        each.name: override(struct_hook=_field_hook(each, converter)) for each in attributes(config)
    }
    structure_entries = make_dict_structure_fn(
        config, converter, _cattrs_forbid_extra_keys=True, _cattrs_detailed_validation=True, **hooks
    )

    def structure(value: Any, _: Any) -> Any:
        if not isinstance(value, dict):
            raise unfit(config, value)
        return structure_entries(complete(config, value), config)

    return structure


def _field_hook(attribute: attrs.Attribute[Any], converter: Converter) -> Hook:
    said = attribute.metadata.get("help", "")

    def structure(value: Any, _: Any) -> Any:
        try:
            structured = converter.structure(value, attribute.type)  # type: ignore[arg-type]
        except Unfit as error:
            raise (Unfit(f"{error} It is: {said}.", error.at) if said else error) from None
        rule = broken_rule(attribute, structured)
        if rule is None and not is_finite(structured) and is_finite(default_of(attribute)):
            rule = f"must be finite, not {structured}."
        if rule is not None:
            raise Unfit(rule)
        return structured

    return structure


def _component_hook(annotation: Any, converter: Converter, registry: Registry) -> Hook:
    kind = kind_of(annotation)
    assert kind is not None
    label = KINDS[kind].label
    nested: list[str] = []

    def structure(value: Any, _: Any) -> Any:
        if not isinstance(value, str | dict):
            raise unfit(annotation, value)
        settings = {"name": value} if isinstance(value, str) else dict(value)
        if "name" not in settings:
            meant = nearest("name", settings)
            hint = f" Did you mean `name` by `{meant}`?" if meant else did_you_mean("", registry.names(kind))
            raise Unfit(f"`name` is missing: which {label}?{hint}")
        name = settings.pop("name")
        if not isinstance(name, str):
            raise Unfit(f"expects the name of {with_article(label)}, not {found(name)}.", ("name",))
        if len(name) > MAX_KEY:
            raise Unfit(f"no {label} has a name of {len(name)} characters.", ("name",))
        spec = registry.find(kind, name).spec
        if len(nested) > MAX_NESTED_COMPONENTS:
            raise UserError(f"{label} {name!r} holds itself, by its defaults or by its settings.")
        nested.append(name)
        try:
            config = converter.structure(settings, spec.config)
        finally:
            nested.pop()
        return Component(name, plain(config), spec, config)

    return structure
