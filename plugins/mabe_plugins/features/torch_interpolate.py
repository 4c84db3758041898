"""What `interpolate` computes; points are (…, frames, individuals, keypoints, dims)."""

from __future__ import annotations

import attrs
import torch
from torch import Tensor

from mabe_core import Pose, PoseLayout

from .interpolate import InterpolateConfig

FRAMES = -4


@attrs.define(eq=False)
class Interpolate:
    """Fill gaps of at most `max_gap` frames by lines between the visible points at their ends.

    A longer gap, and one at the start or end of a recording, takes the mean of the individual's known points
    in that frame, else of all known points in that frame, else 0. `mask` adds the columns `missing`,
    individuals × keypoints wide.
    """

    context: int | None
    max_gap: int
    mask: bool

    @classmethod
    def build(cls, config: InterpolateConfig, layout: PoseLayout) -> Interpolate:
        frames = int(config.max_gap * layout.fps + 1e-6)
        return cls(frames, frames, config.mask)

    def __call__(self, pose: Pose) -> Pose:
        missing = pose.points.isnan().any(-1, keepdim=True)
        points = _bridge(pose.points, missing, self.max_gap)
        points = _fill(points, (-2,))
        points = _fill(points, (-3, -2)).nan_to_num(nan=0.0)
        columns = dict(pose.columns)
        if self.mask:
            columns["missing"] = missing.to(points.dtype).flatten(-3)
        return Pose(points=points, columns=columns)


def _bridge(points: Tensor, missing: Tensor, max_gap: int) -> Tensor:
    """Fill gaps of at most `max_gap` frames; longer ones become NaN in every coordinate."""
    frames = points.shape[FRAMES]
    now = torch.arange(frames, device=points.device).view(-1, 1, 1, 1)
    before = torch.where(missing, -1, now).cummax(dim=FRAMES).values
    after = torch.where(missing, frames, now).flip(FRAMES).cummin(dim=FRAMES).values.flip(FRAMES)
    bridged = (before >= 0) & (after < frames) & (after - before <= max_gap + 1)
    start, stop = before.clamp(min=0), after.clamp(max=frames - 1)
    first = points.gather(FRAMES, start.expand_as(points))
    last = points.gather(FRAMES, stop.expand_as(points))
    share = (now - start) / (stop - start).clamp(min=1)
    line = torch.lerp(first, last, share.to(points.dtype))
    return torch.where(missing, torch.where(bridged, line, torch.nan), points)


def _fill(points: Tensor, over: tuple[int, ...]) -> Tensor:
    """Replace NaN by the mean of what is known along the dimensions `over`, where anything is."""
    return torch.where(points.isnan(), points.nanmean(dim=over, keepdim=True), points)
