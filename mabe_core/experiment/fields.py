"""Describes the fields of config classes in plain words, for error messages and for `mabe show`."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, Union

import attrs

from mabe_core.registry import KINDS
from mabe_core.specs import Component, Spec

_WORDS = {
    bool: ("true or false", "true or false"),
    int: ("a whole number", "whole numbers"),
    float: ("a number", "numbers"),
    str: ("text", "texts"),
    types.NoneType: ("null", "nulls"),
}
SCALARS = tuple(_WORDS)
_LISTS = (list, tuple, Sequence)
_MAPS = (dict, Mapping)


@attrs.frozen
class Field:
    """One field of a config class.

    type: in plain words; annotation: as Python has it.
    default: as an experiment file would say it, attrs.NOTHING where the field is required.
    limits: what a value must be besides, such as "> 0".
    """

    name: str
    type: str
    annotation: Any
    help: str
    default: Any
    limits: tuple[str, ...]
    identity: bool

    @property
    def required(self) -> bool:
        return self.default is attrs.NOTHING


def describe(config: type) -> tuple[Field, ...]:
    """Return the fields of a config class in the order in which it declares them."""
    return tuple(
        Field(
            attribute.name,
            words(attribute.type),
            attribute.type,
            attribute.metadata.get("help", ""),
            default_of(attribute),
            tuple(limits(attribute.validator)),
            attribute.metadata.get("identity", True),
        )
        for attribute in attributes(config)
    )


def attributes(config: type) -> tuple[attrs.Attribute[Any], ...]:
    """Return what an experiment may set, with annotations resolved."""
    attrs.resolve_types(config)
    return tuple(attribute for attribute in attrs.fields(config) if attribute.init)


def default_of(attribute: attrs.Attribute[Any]) -> Any:
    """Return the default as an experiment file would say it, or attrs.NOTHING."""
    default: Any = attribute.default
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type] # a class to attrs, a function to mypy
        default = default.factory()
    return default if default is attrs.NOTHING else plain(default)


def defaults(config: type) -> dict[str, Any]:
    """Return the defaults of all fields that have one, as an experiment file would say them."""
    each = {attribute.name: default_of(attribute) for attribute in attributes(config)}
    return {name: default for name, default in each.items() if default is not attrs.NOTHING}


def complete(config: type, entries: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in the defaults that `entries` leave out; a component without a name is the default one."""
    filled = defaults(config)
    components = {each.name for each in attributes(config) if any(map(kind_of, members(each.type)))}
    for key, entry in entries.items():
        default = filled.get(key)
        unnamed = isinstance(entry, dict) and "name" not in entry
        if key in components and unnamed and isinstance(default, dict):
            entry = {**default, **entry}
        filled[key] = entry
    return filled


def plain(value: Any, *, keep: typing.Callable[[attrs.Attribute[Any]], bool] = lambda _: True) -> Any:
    """Return a value as maps, lists and scalars; a component as its name and its config's entries.

    keep: which fields of a config are wanted.
    """
    if isinstance(value, Component):
        settings = value.settings if value.spec is None else value.config
        return {"name": value.name, **plain(settings, keep=keep)}
    if attrs.has(type(value)):
        wanted = [attribute for attribute in attrs.fields(type(value)) if attribute.init and keep(attribute)]
        return {each.name: plain(getattr(value, each.name), keep=keep) for each in wanted}
    if isinstance(value, Mapping):
        return {key: plain(inner, keep=keep) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner, keep=keep) for inner in value]
    return value


def kind_of(annotation: Any) -> str | None:
    """Return the kind that `Component[…Spec[Any]]` names; of any other annotation None."""
    if typing.get_origin(annotation) is not Component:
        return None
    (spec,) = typing.get_args(annotation)
    spec = typing.get_origin(spec) or spec
    return spec.kind if isinstance(spec, type) and issubclass(spec, Spec) and spec is not Spec else None


def members(annotation: Any) -> tuple[Any, ...]:
    """Return the members of a union, and an annotation that is none by itself."""
    if typing.get_origin(annotation) in (Union, types.UnionType):
        return typing.get_args(annotation)
    return (annotation,)


def item_types(annotation: Any) -> tuple[Any, ...] | None:
    """Return the types of a list's items, the last an Ellipsis where there may be any number; else None."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin not in _LISTS or not arguments:
        return None
    return arguments if origin is tuple else (arguments[0], ...)


def value_type(annotation: Any) -> Any:
    """Return the type of a map's values; None where the annotation is no map from text."""
    arguments = typing.get_args(annotation)
    is_map = typing.get_origin(annotation) in _MAPS and arguments[0] is str
    return arguments[1] if is_map else None


def words(annotation: Any) -> str:
    """Say in plain words what an annotation expects."""
    if annotation in _WORDS:
        return _WORDS[annotation][0]
    alternatives = members(annotation)
    if len(alternatives) > 1:
        return _or(words(each) for each in sorted(alternatives, key=lambda each: each is types.NoneType))
    if typing.get_origin(annotation) is Literal:
        return _or(repr(each) for each in typing.get_args(annotation))
    kind = kind_of(annotation)
    if kind is not None:
        return f"{with_article(KINDS[kind].label)}, by its name or as a map with `name`"
    items = item_types(annotation)
    if items is not None and items[-1] is ...:
        return f"a list of {_many(items[0])}"
    if items is not None:
        return f"a list of {len(items)} ({', '.join(words(each) for each in items)})"
    values = value_type(annotation)
    if values is not None:
        return f"a map from text to {_many(values)}"
    if attrs.has(annotation):
        return f"a map with {', '.join(f'`{each.name}`' for each in attributes(annotation))}"
    return str(annotation)


def _many(annotation: Any) -> str:
    if annotation in _WORDS:
        return _WORDS[annotation][1]
    kind = kind_of(annotation)
    return f"{KINDS[kind].label}s" if kind is not None else f"items, each {words(annotation)}"


def _or(alternatives: typing.Iterable[str]) -> str:
    *others, last = alternatives
    return f"{', '.join(others)} or {last}" if others else last


def with_article(noun: str) -> str:
    """Return "a model" or "an optimizer"."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def limits(validator: Any) -> Iterator[str]:
    """Yield what a validator of attrs asks for, in words; of any other validator nothing."""
    match type(validator).__name__:
        case "_AndValidator":
            for each in validator._validators:
                yield from limits(each)
        case "_OptionalValidator":
            yield from limits(validator.validator)
        case "_NumberValidator":
            yield f"{validator.compare_op} {shown(validator.bound)}"
        case "_InValidator":
            yield f"one of {', '.join(map(repr, validator.options))}"
        case "_MatchesReValidator":
            yield f"of the form {validator.pattern.pattern}"
        case "_MaxLengthValidator":
            yield f"at most {validator.max_length} long"
        case "_MinLengthValidator":
            yield f"at least {validator.min_length} long"
        case "_DeepIterable":
            yield from (f"each {limit}" for limit in limits(validator.member_validator))


def shown(value: Any) -> str:
    """Show a value as a person would write it: short, and a whole number without its `.0`."""
    text = f"{value:g}" if isinstance(value, float) and value.is_integer() else repr(value)
    return text if len(text) <= 80 else f"{text[:80]}…"


def faults(config: type) -> list[str]:
    """Return what is wrong with a config class, for its author to mend."""
    if not attrs.has(config):
        return [f"{config!r} is no attrs class"]
    try:
        declared = attributes(config)
    except NameError as error:
        return [f"an annotation cannot be resolved: {error}"]
    return [fault for attribute in declared for fault in _faults_of(attribute)]


def _faults_of(attribute: attrs.Attribute[Any]) -> Iterator[str]:
    name = attribute.name
    if name == "name":
        yield "a field cannot be called `name`: that is what an experiment calls the component"
    if name.startswith("_"):
        yield f"{name}: a field that experiments set cannot begin with _"
    if not supported(attribute.type):
        yield f"{name}: {words(attribute.type)} is no type that an experiment file can give"
    if attribute.converter is not None:
        yield f"{name}: converters are not run; declare the type that the file gives"
    if getattr(attribute.default, "takes_self", False):
        yield f"{name}: a default cannot depend on other fields"


def supported(annotation: Any) -> bool:
    """Tell whether values of this annotation can be given in an experiment file."""
    if annotation in SCALARS or kind_of(annotation) is not None or typing.get_origin(annotation) is Literal:
        return True
    if len(members(annotation)) > 1:
        return all(supported(each) for each in members(annotation))
    items = item_types(annotation)
    if items is not None:
        return all(supported(each) for each in items if each is not ...)
    values = value_type(annotation)
    if values is not None:
        return supported(values)
    return isinstance(annotation, type) and attrs.has(annotation)
