"""What the feature `pair_motion` computes; imported when it is built."""

from __future__ import annotations

import attrs
import torch

from mabe_core import Pose


@attrs.frozen
class Motion:
    """Add `speed` (individuals wide) and `distance` (one column each two individuals), of mean keypoints.

    A speed is in units of the points a second, and 0 where it cannot be known, as in a recording's first
    frames. The distance to an animal that is not seen stays missing: `interpolate` comes before.
    """

    context: int
    fps: float

    def __call__(self, pose: Pose) -> Pose:
        centres = pose.points.nanmean(dim=-2)  # (…, frames, individuals, dims)
        step = centres[..., self.context :, :, :] - centres[..., : -self.context, :, :]
        speed = torch.zeros_like(centres[..., 0])
        speed[..., self.context :, :] = step.norm(dim=-1).nan_to_num(nan=0.0) * (self.fps / self.context)
        individuals = centres.shape[-2]
        first, second = torch.triu_indices(individuals, individuals, offset=1, device=centres.device)
        distance = (centres[..., first, :] - centres[..., second, :]).norm(dim=-1)
        return attrs.evolve(pose, columns={**pose.columns, "speed": speed, "distance": distance})
