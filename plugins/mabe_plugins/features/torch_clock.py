"""What `clock` computes; points are (…, frames, individuals, keypoints, dims)."""

from __future__ import annotations

import attrs
import torch

from mabe_core import Pose


@attrs.frozen(eq=False)
class Clock:
    """Add `clock_start` and `clock_end`: minutes and log(1 + seconds) since the start and until the end."""

    context: None
    fps: float
    ends: tuple[str, ...]

    def __call__(self, pose: Pose) -> Pose:
        *before, frames, _, _, _ = pose.points.shape
        seconds = torch.arange(frames, device=pose.points.device, dtype=pose.points.dtype) / self.fps
        columns = {
            f"clock_{end}": torch.stack([time / 60, time.log1p()], dim=-1).expand(*before, frames, 2)
            for end, time in (("start", seconds), ("end", seconds.flip(0)))
            if end in self.ends
        }
        return attrs.evolve(pose, columns={**pose.columns, **columns})
