"""What `normalize` computes; points are (…, frames, individuals, keypoints, dims)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import attrs
import torch
from torch import Tensor

from mabe_core import Pose, PoseLayout, UserError

from .normalize import NormalizeConfig

if TYPE_CHECKING:
    from .torch_normalize_blocks import Blocks, Moved

# share of the points that lies outside of the arena's box to either side: jumps of the tracker
OUTSIDE = 0.001
# frames whose bodies are measured together: what that needs is several times as large as the points
FRAMES_AT_ONCE = 1 << 12


@attrs.define(eq=False)
class Normalize:
    """Subtract a point of the recording, then divide by a length.

    points become (points - origin) / scale.
    origin: "recording", the mean of all visible points; "arena", the middle of the arena's box; "none", 0.
    scale: pixels; "body_length", the median, over frames and individuals seen whole (or seen at all, where
        none ever is whole), of the diagonal of the box around an individual's keypoints; "arena", the longer
        side of the arena's box.
    """

    context: int | None
    origin: Literal["recording", "arena", "none"]
    scale: Literal["body_length", "arena"] | float

    @classmethod
    def build(cls, config: NormalizeConfig, layout: PoseLayout) -> Normalize:
        """Raise UserError where a body has no length, or nobody knows what a centimetre is."""
        local = 0 if config.centre == "none" else None
        match config.scale:
            case "body_length" if len(layout.keypoints) < 2:
                raise UserError(
                    f"normalize: one keypoint ({', '.join(layout.keypoints)}) makes no body length to scale "
                    "by. Set `scale` to a number of pixels."
                )
            case "body_length" | "arena":
                return cls(None, config.centre, config.scale)
            case "centimetres" if config.pixels_per_cm is not None:
                return cls(local, config.centre, config.pixels_per_cm)
            case "centimetres":
                if layout.pixels_per_cm is None:
                    raise UserError(
                        "normalize: the dataset does not say how many pixels a centimetre has. Set "
                        "`pixels_per_cm`, or another `scale`."
                    )
                # a recording's own: the step, which mixes recordings, must not divide by one of them
                return cls(None, config.centre, layout.pixels_per_cm)
            case pixels:
                return cls(local, config.centre, float(pixels))

    def __call__(self, pose: Pose) -> Pose:
        points = pose.points
        if isinstance(self.scale, float):
            scale: Tensor | float = self.scale
        else:
            scale = _body_length(points) if self.scale == "body_length" else _arena_side(points)
        if self.origin == "recording":
            points = points - points.nanmean(dim=(-4, -3, -2), keepdim=True)
        elif self.origin == "arena":
            low, high = _arena(points)
            points = points - (low + high) / 2
        return attrs.evolve(pose, points=points / scale)

    def over(self, blocks: Blocks) -> Moved:
        """Return what this does to a recording that is had in blocks."""
        from .torch_normalize_blocks import moved

        return moved(self.origin, self.scale, blocks)


def _arena(points: Tensor) -> tuple[Tensor, Tensor]:
    """Return the corners (…, 1, 1, 1, dims) of the box in which all visible points but OUTSIDE lie."""
    each = points.flatten(-4, -2)
    ordered = each.sort(dim=-2).values  # missing ones last
    last = (~each.isnan()).sum(-2, keepdim=True) - 1
    low = ordered.gather(-2, (last * OUTSIDE).long().clamp(min=0))
    high = ordered.gather(-2, (last - (last * OUTSIDE).long()).clamp(min=0))
    return low[..., None, None, :], high[..., None, None, :]


def _arena_side(points: Tensor) -> Tensor:
    """Return the longer side of the box on the ground, (…, 1, 1, 1, 1); 1 where nothing is ever seen."""
    low, high = _arena(points)
    side = (high - low)[..., :2].amax(-1, keepdim=True)
    return torch.where(side > 0, side, 1.0)


def _body_length(points: Tensor) -> Tensor:
    """Return the length by which `points` are divided, (…, 1, 1, 1, 1); 1 where no body is ever seen."""
    length, whole, part = body_lengths(points)
    usable = torch.where(whole.any(-1, keepdim=True), whole, part)
    count = usable.sum(-1, keepdim=True)
    ordered = length.masked_fill(~usable, torch.inf).sort(dim=-1).values
    median = ordered.gather(-1, (count - 1).clamp(min=0) // 2)
    return torch.where((count > 0) & (median > 0), median, 1.0)[..., None, None, None]


def body_lengths(points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return of each frame and individual (…, frames * individuals) the diagonal of the box around its
    keypoints, whether all of them are seen, and whether more than one is."""
    parts = [_body_lengths(part) for part in torch.split(points, FRAMES_AT_ONCE, dim=-4)]
    length, whole, part = (torch.cat(each, dim=-1) for each in zip(*parts, strict=True))
    return length, whole, part


def _body_lengths(points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    missing = points.isnan()
    low = points.masked_fill(missing, torch.inf).amin(dim=-2)
    high = points.masked_fill(missing, -torch.inf).amax(dim=-2)
    length = (high - low).square().sum(-1).sqrt().flatten(-2)
    present = ~missing.any(-1)
    return length, present.all(-1).flatten(-2), (present.sum(-1) > 1).flatten(-2)
