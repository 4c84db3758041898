"""Reads the annotations of config classes: what an experiment file can give, in plain words."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, Union

import attrs

from mabe_core.registry import KINDS
from mabe_core.specs import Component, Spec

# of each scalar: what one is called, what many are, and its type in JSON Schema
_WORDS = {
    bool: ("true or false", "true or false", "boolean"),
    int: ("a whole number", "whole numbers", "integer"),
    float: ("a number", "numbers", "number"),
    str: ("text", "texts", "string"),
    types.NoneType: ("null", "nulls", "null"),
}
SCALARS = tuple(_WORDS)
_LISTS = (list, tuple, Sequence)
_MAPS = (dict, Mapping)


def attributes(config: type) -> tuple[attrs.Attribute[Any], ...]:
    """Return what an experiment may set, with annotations resolved."""
    attrs.resolve_types(config)
    return tuple(attribute for attribute in attrs.fields(config) if attribute.init)


def kind_of(annotation: Any) -> str | None:
    """Return the kind that `Component[…Spec[Any]]` names; of any other annotation None."""
    if typing.get_origin(annotation) is not Component:
        return None
    (spec,) = typing.get_args(annotation)
    spec = typing.get_origin(spec) or spec
    return spec.kind if isinstance(spec, type) and issubclass(spec, Spec) and spec is not Spec else None


def is_config(annotation: Any) -> bool:
    """Tell whether an annotation is an attrs class, whose fields an experiment may set."""
    return isinstance(annotation, type) and attrs.has(annotation) and annotation is not Component


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


def configs_in(annotation: Any) -> Iterator[type]:
    """Yield the config classes that an annotation holds directly, not those of components."""
    if is_config(annotation):
        yield annotation
    elif kind_of(annotation) is None:
        for argument in typing.get_args(annotation):
            yield from configs_in(argument)


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
    return is_config(annotation)


def json_type(scalar: Any) -> str:
    """Return what JSON Schema calls a scalar type."""
    return _WORDS[scalar][2]


def words(annotation: Any) -> str:
    """Say in plain words what an annotation expects."""
    if annotation in _WORDS:
        return _WORDS[annotation][0]
    if annotation is Any:
        return "anything"
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
    if is_config(annotation):
        return f"a map with {', '.join(f'`{each.name}`' for each in attributes(annotation))}"
    return str(annotation)


def _many(annotation: Any) -> str:
    if annotation in _WORDS:
        return _WORDS[annotation][1]
    if annotation is Any:
        return "any values"
    items = item_types(annotation)
    if items is not None and items[-1] is ...:
        return f"lists of {_many(items[0])}"
    kind = kind_of(annotation)
    return f"{KINDS[kind].label}s" if kind is not None else f"items, each {words(annotation)}"


def _or(alternatives: typing.Iterable[str]) -> str:
    *others, last = alternatives
    return f"{', '.join(others)} or {last}" if others else last


def with_article(noun: str) -> str:
    """Return "a model" or "an optimizer"."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
