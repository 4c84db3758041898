"""What `egocentric` computes; points are (…, frames, individuals, keypoints, dims)."""

from __future__ import annotations

import attrs

from mabe_core import Pose

from .body import Body
from .torch_geometry import turned_back, unit


@attrs.frozen(eq=False)
class Egocentric:
    """Subtract the mean visible keypoint of the agent, then turn until its back-to-front is the x axis.

    In 3 dimensions the turn is about the z axis. Where the agent's front or back is missing, so are all
    points: `interpolate` comes before.
    """

    context: int
    body: Body
    own: bool

    def __call__(self, pose: Pose) -> Pose:
        points = pose.points
        whose = points if self.own else points[..., :1, :, :]
        heading = unit(whose[..., self.body.front, :2] - whose[..., self.body.back, :2])
        origin = whose.nanmean(dim=-2, keepdim=True)
        return attrs.evolve(pose, points=turned_back(points - origin, heading[..., None, :]))
