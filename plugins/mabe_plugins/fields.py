"""Fields that the configs of several models have."""

from __future__ import annotations

import attrs
from attrs.validators import ge, gt, lt


def dropout(default: float) -> float:
    """Declare the share of activations that is dropped in training."""
    field: float = attrs.field(
        default=default, validator=[ge(0.0), lt(1.0)], metadata={"help": "share of activations dropped"}
    )
    return field


def count(default: int, help: str) -> int:  # noqa: A002 - click's word for it
    """Declare a number of at least 1."""
    field: int = attrs.field(default=default, validator=gt(0), metadata={"help": help})
    return field


def kernel_size(default: int) -> int:
    """Declare the frames that a convolution looks at: odd, so that one is in the middle."""
    field: int = attrs.field(
        default=default,
        validator=_is_odd,
        metadata={"help": "frames that a layer looks at, an odd number"},
    )
    return field


def _is_odd(_: object, attribute: attrs.Attribute[int], value: int) -> None:
    if value < 1 or value % 2 == 0:
        raise ValueError(f"must be odd, so that a frame is in the middle, not {value}")
