"""Feature `interpolate`: no point is missing afterwards."""

from __future__ import annotations

import attrs
from attrs.validators import ge

from mabe_core import Feature, PoseLayout


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


def build_interpolate(config: InterpolateConfig, layout: PoseLayout) -> Feature:
    """Build the feature; see torch_interpolate.py."""
    from .torch_interpolate import Interpolate

    return Interpolate.build(config, layout)
