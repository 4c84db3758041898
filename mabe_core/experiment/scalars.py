"""What a plain word of YAML means: the scalars of YAML 1.2's core schema, and no others."""

from __future__ import annotations

import re

Scalar = None | bool | int | float | str

# https://yaml.org/spec/1.2.2/#103-core-schema; `\Z` because PyYAML matches from the start only
NULL = re.compile(r"(?:~|null|Null|NULL|)\Z")
BOOL = re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z")
INT = re.compile(r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)\Z")
FLOAT = re.compile(
    r"(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z"
)
TAGS = {"null": NULL, "bool": BOOL, "int": INT, "float": FLOAT}

LARGEST = 2**63 - 1


def read_scalar(text: str) -> Scalar:
    """Return what an unquoted scalar means.

    Raises ValueError where a whole number does not fit into 64 bits.
    """
    if NULL.match(text):
        return None
    if BOOL.match(text):
        return text.casefold() == "true"
    if INT.match(text):
        return _whole_number(text)
    if FLOAT.match(text):
        return float(text.replace(".", "", 1) if text[-1].casefold() in "fn" else text)
    return text


def _whole_number(text: str) -> int:
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    if len(text) <= 100:  # Python refuses thousands of digits in its own words
        value = int(text, base)
        if abs(value) <= LARGEST:
            return value
    raise ValueError(f"the whole number {text[:24]}… is too large (at most {LARGEST})")
