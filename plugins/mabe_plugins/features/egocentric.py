"""Feature `egocentric`: where things are as an animal sees them."""

from __future__ import annotations

from typing import Literal

import attrs
from attrs.validators import in_

from mabe_core import Feature, PoseLayout

from .body import Body


@attrs.frozen(kw_only=True)
class EgocentricConfig:
    """Move points into the agent's frame: its middle becomes 0, its heading the x axis."""

    frame: Literal["agent", "own"] = attrs.field(
        default="agent",
        validator=in_(("agent", "own")),
        metadata={"help": "agent: all animals in the first one's frame; own: each animal in its own"},
    )
    front: str | None = attrs.field(
        default=None, metadata={"help": "keypoint at the front; found by common names such as nose"}
    )
    back: str | None = attrs.field(
        default=None, metadata={"help": "keypoint at the back; found by common names such as tail_base"}
    )


def build_egocentric(config: EgocentricConfig, layout: PoseLayout) -> Feature:
    """Build the feature; see torch_egocentric.py."""
    from .torch_egocentric import Egocentric

    body = Body.find("egocentric", layout, config.front, config.back)
    return Egocentric(0, body, own=config.frame == "own")
