"""Feature `clock`: when in the recording a frame is."""

from __future__ import annotations

import attrs
from attrs.validators import deep_iterable, in_, min_len

from mabe_core import Feature, PoseLayout

ENDS = ("start", "end")


@attrs.frozen(kw_only=True)
class ClockConfig:
    """Add the time since a recording's start and until its end, for behaviour that follows a protocol."""

    ends: tuple[str, ...] = attrs.field(
        default=ENDS,
        validator=[min_len(1), deep_iterable(in_(ENDS))],
        metadata={
            "help": "start: time since the first frame; end: until the last one. Each gives two columns, "
            "minutes and log(1 + seconds)"
        },
    )


def build_clock(config: ClockConfig, layout: PoseLayout) -> Feature:
    """Build the feature; see torch_clock.py."""
    from .torch_clock import Clock

    return Clock(None, layout.fps, config.ends)
