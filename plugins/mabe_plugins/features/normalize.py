"""Feature `normalize`: recordings filmed from another place or at another size become alike."""

from __future__ import annotations

from typing import Literal

import attrs
from attrs.validators import gt, in_, optional

from mabe_core import Feature, PoseLayout

SCALES = ("body_length", "arena", "centimetres")


def _scale(_: object, __: object, value: str | float) -> None:
    if value not in SCALES and not (isinstance(value, float | int) and value > 0):
        raise ValueError(f"must be {', '.join(SCALES)} or a number of pixels above 0, not {value!r}")


@attrs.frozen(kw_only=True)
class NormalizeConfig:
    """Centre recordings and scale them alike: by body length, arena or centimetres; gaps stay gaps."""

    centre: Literal["recording", "arena", "none"] = attrs.field(
        default="recording",
        validator=in_(("recording", "arena", "none")),
        metadata={
            "help": "what becomes 0: recording, the mean of all visible points; arena, the middle of the box "
            "that the animals walk through; none, the origin stays"
        },
    )
    scale: Literal["body_length", "arena", "centimetres"] | float = attrs.field(
        default="body_length",
        validator=_scale,
        metadata={
            "help": "what becomes 1: the median body length in the recording; the longer side of the box "
            "that the animals walk through; a centimetre, by pixels_per_cm; or so many pixels"
        },
    )
    pixels_per_cm: float | None = attrs.field(
        default=None,
        validator=optional(gt(0.0)),
        metadata={
            "help": "for centimetres; by default what the dataset says of each recording",
        },
    )

    def __attrs_post_init__(self) -> None:
        if self.pixels_per_cm is not None and self.scale != "centimetres":
            raise ValueError(f"pixels_per_cm is used with scale: centimetres, not {self.scale}")


def build_normalize(config: NormalizeConfig, layout: PoseLayout) -> Feature:
    """Build the feature; see torch_normalize.py."""
    from .torch_normalize import Normalize

    return Normalize.build(config, layout)
