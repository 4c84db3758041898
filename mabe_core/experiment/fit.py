"""Tells whether a value fits an annotation, and what to say where it does not."""

from __future__ import annotations

import typing
from typing import Any, Literal

from mabe_core.configs.annotations import SCALARS, item_types, kind_of, members, words
from mabe_core.errors import nearest
from mabe_core.experiment.scalars import read_scalar


class Unfit(ValueError):
    """A value that is not what its place expects; `at` is where inside the value."""

    def __init__(self, message: str, at: tuple[str | int, ...] = ()) -> None:
        super().__init__(message)
        self.at = at


def accepts(annotation: Any, value: Any) -> bool:
    """Tell whether a value looks like what the annotation expects, its inside left aside."""
    alternatives = members(annotation)
    if len(alternatives) > 1:
        return any(accepts(each, value) for each in alternatives)
    if annotation is Any:
        return True
    if annotation in SCALARS:
        return type(value) is annotation or (annotation is float and type(value) is int)
    if typing.get_origin(annotation) is Literal:
        return any(type(choice) is type(value) and choice == value for choice in typing.get_args(annotation))
    if kind_of(annotation) is not None:
        return isinstance(value, str | dict)
    return isinstance(value, list if item_types(annotation) is not None else dict)


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
    message = f"expects {words(annotation)}, not {found(value)}."
    if isinstance(value, str):
        choices = [
            choice
            for member in members(annotation)
            if typing.get_origin(member) is Literal
            for choice in typing.get_args(member)
        ]
        guess = nearest(value, choices)
        if guess is not None:
            return Unfit(f"{message} Did you mean '{guess}'?")
        if accepts(annotation, _unquoted(value)):
            return Unfit(f"{message} Leave out the quotes.")
    elif str in members(annotation) and not isinstance(value, list | dict):
        return Unfit(f"{message} Put it in quotes if it is meant.")
    return Unfit(message)


def _unquoted(text: str) -> Any:
    try:
        return read_scalar(text)
    except ValueError:
        return text
