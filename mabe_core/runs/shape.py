"""Whether values out of a JSON file have the types that an attrs class declares."""

from __future__ import annotations

import datetime
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin

import attrs

# what is counted, and numpy and floats can hold
LARGEST = 1 << 63


def misfits(found: Mapping[str, Any], cls: type[attrs.AttrsInstance]) -> list[str]:
    """Return in words which fields are missing or of another type; fields it does not know are let be.

    A field whose metadata says `time` holds an ISO 8601 time with its zone; one that says `needs` holds maps
    that have these keys, with values of these types.
    """
    hints = typing.get_type_hints(cls)
    told = []
    for field in attrs.fields(cls):
        if field.name not in found:
            if field.default is attrs.NOTHING:
                told.append(f"{field.name} is missing")
            continue
        value = found[field.name]
        whole = _fits(value, hints[field.name])
        if whole and field.metadata.get("time"):
            whole = _is_time(value)
        if whole and field.metadata.get("needs"):
            needs = field.metadata["needs"].items()
            whole = all(isinstance(item.get(key), types) for item in value for key, types in needs)
        if not whole:
            told.append(f"{field.name} is wrong")
    return told


def known(found: Mapping[str, Any], cls: type[attrs.AttrsInstance]) -> dict[str, Any]:
    """Return what of it the class has a field for."""
    names = {field.name for field in attrs.fields(cls)}
    return {name: value for name, value in found.items() if name in names}


def _fits(value: Any, hint: Any) -> bool:
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any:
        return True
    if origin is Literal:
        return value in arguments
    if origin in (types.UnionType, typing.Union):
        return any(_fits(value, argument) for argument in arguments)
    if origin is dict:
        return isinstance(value, dict) and all(_fits(item, arguments[1]) for item in value.values())
    if origin in (list, tuple):
        return isinstance(value, list) and all(_fits(item, arguments[0]) for item in value)
    if attrs.has(hint):
        return isinstance(value, dict) and not misfits(value, hint)
    if hint is float:
        return type(value) is float or (type(value) is int and abs(value) < LARGEST)
    if hint is int:
        return type(value) is int and abs(value) < LARGEST
    return isinstance(value, hint)


def _is_time(text: str) -> bool:
    try:
        return datetime.datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
