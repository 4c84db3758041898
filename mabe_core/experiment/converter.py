"""The cattrs converter that is strict: no coercion but int to float, and components looked up by name."""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterable
from typing import Any, Literal

import attrs
from cattrs import Converter, IterableValidationError
from cattrs.errors import IterableValidationNote
from cattrs.gen import make_dict_structure_fn, override

from mabe_core.errors import UserError, did_you_mean, nearest
from mabe_core.experiment import fields
from mabe_core.experiment.rules import broken_rule
from mabe_core.experiment.scalars import read_scalar
from mabe_core.registry import KINDS, Registry
from mabe_core.specs import Component

MAX_NESTED_COMPONENTS = 20

Hook = Callable[[Any, Any], Any]


class Unfit(ValueError):
    """A value that is not what its place expects; `at` is where inside the value."""

    def __init__(self, message: str, at: tuple[str | int, ...] = ()) -> None:
        super().__init__(message)
        self.at = at


def strict_converter(registry: Registry) -> Converter:
    """Return a converter that structures plain trees into config classes.

    Its errors are cattrs' groups, whose leaves are Unfit, UserError (from the registry), KeyError for a
    missing field, ForbiddenExtraKeysError, and ValueError or TypeError from a class's own checks.
    """
    converter = Converter(detailed_validation=True, forbid_extra_keys=True)
    for scalar in fields.SCALARS:
        converter.register_structure_hook(scalar, _scalar)
    factories: list[tuple[Callable[[Any], bool], Callable[[Any, Converter], Hook]]] = [
        (lambda annotation: typing.get_origin(annotation) is Literal, _literal_hook),
        (lambda annotation: len(fields.members(annotation)) > 1, _union_hook),
        (lambda annotation: fields.item_types(annotation) is not None, _list_hook),
        (lambda annotation: fields.value_type(annotation) is not None, _map_hook),
        (attrs.has, _class_hook),
        (
            lambda annotation: fields.kind_of(annotation) is not None,
            lambda annotation, made: _component_hook(annotation, made, registry),
        ),
    ]
    for applies, factory in factories:
        converter.register_structure_hook_factory(applies, factory)
    return converter


def found(value: Any) -> str:
    """Say in plain words what was found."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return f"the whole number {value}"
        case float():
            return f"the number {value}"
        case str():
            return f"the text {value!r}" if len(value) <= 60 else f"the text {value[:60]!r}…"
    return "a list" if isinstance(value, list) else "a map"


def unfit(annotation: Any, value: Any) -> Unfit:
    """Return the error for a value that its annotation does not allow."""
    message = f"expects {fields.words(annotation)}, not {found(value)}."
    if isinstance(value, str):
        choices = [
            choice
            for member in fields.members(annotation)
            if typing.get_origin(member) is Literal
            for choice in typing.get_args(member)
        ]
        guess = nearest(value, choices)
        if guess is not None:
            return Unfit(f"{message} Did you mean '{guess}'?")
        if _accepts(annotation, _unquoted(value)):
            return Unfit(f"{message} Leave out the quotes.")
    elif str in fields.members(annotation) and not isinstance(value, list | dict):
        return Unfit(f"{message} Put it in quotes if it is meant.")
    return Unfit(message)


def _unquoted(text: str) -> Any:
    try:
        return read_scalar(text)
    except ValueError:
        return text


def _accepts(annotation: Any, value: Any) -> bool:
    """Tell whether a value looks like what the annotation expects, its inside left aside."""
    alternatives = fields.members(annotation)
    if len(alternatives) > 1:
        return any(_accepts(each, value) for each in alternatives)
    if annotation in fields.SCALARS:
        return type(value) is annotation or (annotation is float and type(value) is int)
    if typing.get_origin(annotation) is Literal:
        return any(type(choice) is type(value) and choice == value for choice in typing.get_args(annotation))
    if fields.kind_of(annotation) is not None:
        return isinstance(value, str | dict)
    return isinstance(value, list if fields.item_types(annotation) is not None else dict)


def _scalar(value: Any, annotation: Any) -> Any:
    if not _accepts(annotation, value):
        raise unfit(annotation, value)
    return float(value) if annotation is float else value


def _literal_hook(annotation: Any, _: Converter) -> Hook:
    def structure(value: Any, _: Any) -> Any:
        if not _accepts(annotation, value):
            raise unfit(annotation, value)
        return value

    return structure


def _union_hook(annotation: Any, converter: Converter) -> Hook:
    alternatives = fields.members(annotation)

    def structure(value: Any, _: Any) -> Any:
        fitting = [each for each in alternatives if _accepts(each, value)]
        exact = [each for each in fitting if each is type(value)]
        if not fitting:
            raise unfit(annotation, value)
        *others, last = exact or fitting
        for each in others:
            try:
                return converter.structure(value, each)
            except (ValueError, ExceptionGroup):
                continue
        return converter.structure(value, last)

    return structure


def _list_hook(annotation: Any, converter: Converter) -> Hook:
    types = fields.item_types(annotation)
    assert types is not None
    any_number = types[-1] is ...
    make = list if typing.get_origin(annotation) is list else tuple

    def structure(value: Any, _: Any) -> Any:
        if not isinstance(value, list):
            raise unfit(annotation, value)
        if not any_number and len(value) != len(types):
            raise Unfit(f"expects {fields.words(annotation)}, not one of {len(value)}.")
        wanted = [types[0]] * len(value) if any_number else types
        return make(_each(converter, enumerate(value), wanted, annotation))

    return structure


def _map_hook(annotation: Any, converter: Converter) -> Hook:
    wanted = fields.value_type(annotation)

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
    """Structure every item, and raise the errors of all of them together, as cattrs does."""
    structured, errors = [], []
    for (index, item), wanted in zip(items, types, strict=True):
        try:
            structured.append(converter.structure(item, wanted))
        except Exception as error:  # noqa: BLE001 - raised again below, in cattrs' group
            error.add_note(IterableValidationNote(f"at {index!r}", index, wanted))
            errors.append(error)
    if errors:
        raise IterableValidationError(f"while structuring {annotation}", errors, annotation)
    return structured


def _class_hook(config: Any, converter: Converter) -> Hook:
    attributes = fields.attributes(config)
    hooks: dict[str, Any] = {
        each.name: override(struct_hook=_field_hook(each, converter)) for each in attributes
    }
    structure_entries = make_dict_structure_fn(
        config, converter, _cattrs_forbid_extra_keys=True, _cattrs_detailed_validation=True, **hooks
    )

    def structure(value: Any, _: Any) -> Any:
        if not isinstance(value, dict):
            raise unfit(config, value)
        return structure_entries(fields.complete(config, value), config)

    return structure


def _field_hook(attribute: attrs.Attribute[Any], converter: Converter) -> Hook:
    said = attribute.metadata.get("help", "")

    def structure(value: Any, _: Any) -> Any:
        try:
            structured = converter.structure(value, attribute.type)  # type: ignore[arg-type]
        except Unfit as error:
            raise (Unfit(f"{error} It is: {said}.", error.at) if said else error) from None
        rule = broken_rule(attribute, structured)
        if rule is not None:
            raise Unfit(rule)
        return structured

    return structure


def _component_hook(annotation: Any, converter: Converter, registry: Registry) -> Hook:
    kind = fields.kind_of(annotation)
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
            raise Unfit(f"expects the name of {fields.with_article(label)}, not {found(name)}.", ("name",))
        spec = registry.find(kind, name).spec
        if len(nested) > MAX_NESTED_COMPONENTS:
            raise UserError(f"{label} {name!r} holds itself, by its defaults or by its settings.")
        nested.append(name)
        try:
            config = converter.structure(settings, spec.config)
        finally:
            nested.pop()
        return Component(name, fields.plain(config), spec, config)

    return structure
