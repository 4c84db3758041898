"""What `normalize` and `interpolate` compute; points are (…, frames, individuals, keypoints, dims)."""

from __future__ import annotations

import attrs
import torch
from torch import Tensor

from mabe_core import Pose, PoseLayout, UserError

from . import InterpolateConfig, NormalizeConfig

FRAMES = -4


@attrs.define(eq=False)
class Normalize:
    """Subtract the recording's mean point, then divide by a length.

    scale: pixels, or None for the body length: the median, over frames and individuals seen whole (or seen
        at all, where none ever is whole), of the diagonal of the box around an individual's keypoints.
    """

    context: int | None
    centre: bool
    scale: float | None

    @classmethod
    def build(cls, config: NormalizeConfig, layout: PoseLayout) -> Normalize:
        """Raise UserError where a body has no length."""
        centre = config.centre == "recording"
        if config.scale != "body_length":
            return cls(None if centre else 0, centre, config.scale)
        if len(layout.keypoints) < 2:
            raise UserError(
                f"normalize: one keypoint ({', '.join(layout.keypoints)}) makes no body length to scale by. "
                "Set `scale` to a number of pixels."
            )
        return cls(None, centre, None)

    def __call__(self, pose: Pose) -> Pose:
        points = pose.points
        scale = _body_length(points) if self.scale is None else self.scale
        if self.centre:
            points = points - points.nanmean(dim=(-4, -3, -2), keepdim=True)
        return attrs.evolve(pose, points=points / scale)


def _body_length(points: Tensor) -> Tensor:
    """Return the length by which `points` are divided, (…, 1, 1, 1, 1); 1 where no body is ever seen."""
    missing = points.isnan()
    low = points.masked_fill(missing, torch.inf).amin(dim=-2)
    high = points.masked_fill(missing, -torch.inf).amax(dim=-2)
    length = (high - low).square().sum(-1).sqrt().flatten(-2)
    present = ~missing.any(-1)
    whole = present.all(-1).flatten(-2)
    part = (present.sum(-1) > 1).flatten(-2)
    usable = torch.where(whole.any(-1, keepdim=True), whole, part)
    count = usable.sum(-1, keepdim=True)
    ordered = length.masked_fill(~usable, torch.inf).sort(dim=-1).values
    median = ordered.gather(-1, (count - 1).clamp(min=0) // 2)
    return torch.where((count > 0) & (median > 0), median, 1.0)[..., None, None, None]


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
