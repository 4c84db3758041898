"""Feature `motion`: how the animals move, how their bodies lie, and where they are to each other."""

from __future__ import annotations

from typing import Literal, get_args

import attrs
from attrs.validators import deep_iterable, gt, in_, min_len

from mabe_core import Feature, PoseLayout

from .body import Body

Part = Literal["speed", "acceleration", "heading", "turn", "posture", "distances", "partner", "approach"]
PARTS: tuple[Part, ...] = get_args(Part)


@attrs.frozen(kw_only=True)
class MotionConfig:
    """Add columns: speeds, turns, postures, and distances within and between animals, at several scales."""

    scales: tuple[float, ...] = attrs.field(
        default=(0.1, 0.3, 1.0),
        validator=[min_len(1), deep_iterable(gt(0.0))],
        metadata={"help": "seconds over which movement is measured, each a set of columns"},
    )
    parts: tuple[Part, ...] = attrs.field(
        default=PARTS,
        validator=[min_len(1), deep_iterable(in_(PARTS))],
        metadata={"help": "which columns; docs/features.md says what each holds"},
    )
    compress: bool = attrs.field(
        default=True,
        metadata={
            "help": "pass speeds, accelerations, turns and approach through asinh: as they are near 0, "
            "logarithms above 1, since noise makes a few very large"
        },
    )
    front: str | None = attrs.field(
        default=None, metadata={"help": "keypoint at the front; found by common names such as nose"}
    )
    middle: str | None = attrs.field(
        default=None, metadata={"help": "keypoint of the trunk; found by common names such as centre or neck"}
    )
    back: str | None = attrs.field(
        default=None, metadata={"help": "keypoint at the back; found by common names such as tail_base"}
    )


def build_motion(config: MotionConfig, layout: PoseLayout) -> Feature:
    """Build the feature; see torch_motion.py."""
    from .torch_motion import Motion

    body = Body.find("motion", layout, config.front, config.back, config.middle)
    return Motion.build(config, layout, body)
