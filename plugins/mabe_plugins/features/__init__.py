"""The features `normalize` and `interpolate`: keypoints of any scale, with gaps, become a model's input."""

from __future__ import annotations

from typing import Any, Literal

import attrs
from attrs.validators import ge, in_

from mabe_core import Feature, FeatureSpec, PoseLayout, hookimpl


def _length(_: object, __: object, value: str | float) -> None:
    if value != "body_length" and not (isinstance(value, float | int) and value > 0):
        raise ValueError(f"must be body_length or a number of pixels above 0, not {value!r}")


@attrs.frozen(kw_only=True)
class NormalizeConfig:
    """Centre on the recording's mean point and scale by the animals' body length; gaps stay gaps."""

    centre: Literal["recording", "none"] = attrs.field(
        default="recording",
        validator=in_(("recording", "none")),
        metadata={"help": "recording: the mean of all visible points becomes 0; none: the origin stays"},
    )
    scale: Literal["body_length"] | float = attrs.field(
        default="body_length",
        validator=_length,
        metadata={"help": "what becomes 1: the median body length in the recording, or so many pixels"},
    )


@attrs.frozen(kw_only=True)
class InterpolateConfig:
    """Fill short gaps by lines in time, longer ones by the animal's mean visible point; no NaN is left."""

    max_gap: float = attrs.field(
        default=0.5,
        validator=ge(0.0),
        metadata={"help": "longest gap that is filled by a line, in seconds"},
    )
    mask: bool = attrs.field(
        default=False,
        metadata={"help": "add a column a point that is 1 where the point was missing"},
    )


def build_normalize(config: NormalizeConfig, layout: PoseLayout) -> Feature:
    """Build `normalize`."""
    from .torch_features import Normalize

    return Normalize.build(config, layout)


def build_interpolate(config: InterpolateConfig, layout: PoseLayout) -> Feature:
    """Build `interpolate`."""
    from .torch_features import Interpolate

    return Interpolate.build(config, layout)


@hookimpl
def mabe_features() -> list[FeatureSpec[Any]]:
    """Offer the features."""
    return [
        FeatureSpec(name="normalize", config=NormalizeConfig, build=build_normalize),
        FeatureSpec(name="interpolate", config=InterpolateConfig, build=build_interpolate),
    ]
