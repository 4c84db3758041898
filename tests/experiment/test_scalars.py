"""What plain words of YAML mean: version 1.2's core schema, not PyYAML's version 1.1."""

from __future__ import annotations

import math

import pytest

from mabe_core import UserError
from mabe_core.experiment import read_text


def value_of(text: str) -> object:
    return read_text(f"key: {text}\n").tree["key"]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("1e-4", 1e-4),
        ("1E5", 1e5),
        ("1.5", 1.5),
        (".5", 0.5),
        ("-1.", -1.0),
        ("+.5e+1", 5.0),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("0", 0),
        ("-7", -7),
        ("+7", 7),
        ("010", 10),
        ("0o10", 8),
        ("0xFF", 255),
        ("true", True),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("Off", "Off"),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("0b101", "0b101"),
        ("2024-01-02", "2024-01-02"),
        ("1e", "1e"),
        (".", "."),
        ("nan", "nan"),
        ("'1'", "1"),
        ('"true"', "true"),
        ("٣", "٣"),
    ],
)
def test_a_plain_scalar_means_what_yaml_1_2_says(text: str, meant: object) -> None:
    value = value_of(text)
    assert value == meant
    assert type(value) is type(meant)


def test_not_a_number_is_read() -> None:
    value = value_of(".nan")
    assert isinstance(value, float)
    assert math.isnan(value)


@pytest.mark.parametrize("text", ["9223372036854775808", "9" * 5000, "0x" + "f" * 17, "-9223372036854775808"])
def test_a_whole_number_beyond_64_bits_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"^experiment:1: the whole number .* is too large"):
        value_of(text)
