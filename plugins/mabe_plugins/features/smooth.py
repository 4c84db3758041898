"""Feature `smooth`: tracks lose their jitter."""

from __future__ import annotations

from typing import Literal

import attrs
from attrs.validators import ge, gt, in_

from mabe_core import Feature, PoseLayout


@attrs.frozen(kw_only=True)
class SmoothConfig:
    """Smooth each track in time, by a running median or a Savitzky-Golay filter; gaps stay gaps."""

    method: Literal["median", "savitzky_golay"] = attrs.field(
        default="median",
        validator=in_(("median", "savitzky_golay")),
        metadata={
            "help": "median takes out single jumps; savitzky_golay fits a polynomial (Savitzky & Golay 1964)"
        },
    )
    window: float = attrs.field(
        default=0.2, validator=gt(0.0), metadata={"help": "seconds, half of it to either side of a frame"}
    )
    order: int = attrs.field(
        default=2, validator=ge(0), metadata={"help": "degree of savitzky_golay's polynomial"}
    )


def build_smooth(config: SmoothConfig, layout: PoseLayout) -> Feature:
    """Build the feature; see torch_smooth.py."""
    from .torch_smooth import build

    return build(config, layout)
