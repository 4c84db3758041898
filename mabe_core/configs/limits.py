"""Reads attrs' validators: what a value must be besides its type, in words and as JSON Schema has it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

_BOUNDS = {">": "exclusiveMinimum", ">=": "minimum", "<": "exclusiveMaximum", "<=": "maximum"}


@attrs.frozen
class Limit:
    """One thing that a validator asks for: `words` for people, `schema` as keywords of JSON Schema."""

    words: str
    schema: Mapping[str, Any] = attrs.field(factory=dict)

    def __str__(self) -> str:
        return self.words


def limits(validator: Any) -> Iterator[Limit]:
    """Yield what a validator of attrs asks for; of any other validator nothing."""
    match type(validator).__name__:
        case "_AndValidator":
            for each in validator._validators:
                yield from limits(each)
        case "_OptionalValidator":
            for limit in limits(validator.validator):
                choices = limit.schema.get("enum")
                yield attrs.evolve(limit, schema={"enum": [*choices, None]}) if choices else limit
        case "_NumberValidator":
            bound = validator.bound
            schema = {_BOUNDS[validator.compare_op]: bound} if math.isfinite(bound) else {}
            yield Limit(f"{validator.compare_op} {shown(bound)}", schema)
        case "_InValidator":
            choices = list(validator.options)
            yield Limit(f"one of {', '.join(map(repr, choices))}", {"enum": choices})
        case "_MatchesReValidator":
            yield Limit(f"of the form {validator.pattern.pattern}", {"pattern": _pattern(validator)})
        case "_MaxLengthValidator":
            yield Limit(f"at most {validator.max_length} long", _length("max", validator.max_length))
        case "_MinLengthValidator":
            yield Limit(f"at least {validator.min_length} long", _length("min", validator.min_length))
        case "_DeepIterable":
            yield from limits(validator.iterable_validator)
            for limit in limits(validator.member_validator):
                yield Limit(f"each {limit}", {"items": limit.schema})


def _pattern(validator: Any) -> str:
    """Return the expression as JSON Schema reads it, which finds it anywhere in the text."""
    text = f"(?:{validator.pattern.pattern})"
    how = validator.match_func.__name__
    return {"fullmatch": f"^{text}$", "match": f"^{text}"}.get(how, text)


def _length(side: str, number: int) -> dict[str, int]:
    """Return the keyword for texts, lists and maps alike: each passes over what is not of its type."""
    return {f"{side}{what}": number for what in ("Length", "Items", "Properties")}


def shown(value: Any) -> str:
    """Show a value as a person would write it: short, and a whole number without its `.0`."""
    text = f"{value:g}" if isinstance(value, float) and value.is_integer() else repr(value)
    return text if len(text) <= 80 else f"{text[:80]}…"
