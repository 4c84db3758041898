"""Runs a field's validator and says in plain words which rule a value breaks."""

from __future__ import annotations

from typing import Any

import attrs

from mabe_core.configs.limits import limits, shown


class _Unbuilt:
    """Stands for the instance that does not exist while its fields are checked one by one."""


def broken_rule(attribute: attrs.Attribute[Any], value: Any) -> str | None:
    """Return what is wrong with a value of the right type, or None.

    A validator that asks for other fields is left to the class, which runs it when it is built.
    """
    if attribute.validator is None:
        return None
    try:
        attribute.validator(_Unbuilt(), attribute, value)
    except (ValueError, TypeError) as error:
        return _first_broken(attribute.validator, attribute, value) or own_words(error, attribute.name)
    except AttributeError:
        return None
    return None


def _first_broken(validator: Any, attribute: attrs.Attribute[Any], value: Any) -> str | None:
    """Return the message for the first part of a validator that the value breaks, where it can be told."""
    match type(validator).__name__:
        case "_AndValidator":
            messages = (_first_broken(each, attribute, value) for each in validator._validators)
            return next((message for message in messages if message), None)
        case "_OptionalValidator":
            return None if value is None else _first_broken(validator.validator, attribute, value)
        case "_DeepIterable":
            return _first_broken_item(validator, attribute, value)
    try:
        validator(_Unbuilt(), attribute, value)
    except (ValueError, TypeError) as error:
        rule = next(iter(limits(validator)), None)
        return f"must be {rule}, not {shown(value)}." if rule else own_words(error, attribute.name)
    return None


def _first_broken_item(validator: Any, attribute: attrs.Attribute[Any], value: Any) -> str | None:
    for index, item in enumerate(value):
        message = _first_broken(validator.member_validator, attribute, item)
        if message is not None:
            return f"item {index} {message}"
    whole = validator.iterable_validator
    return None if whole is None else _first_broken(whole, attribute, value)


def own_words(error: Exception, field: str = "") -> str:
    """Return an error's message without the name of the field, which the path says already."""
    message = str(error.args[0]) if error.args else type(error).__name__
    told = message.removeprefix(f"'{field}' ").rstrip(".")
    return told if told.endswith("?") else f"{told}."
