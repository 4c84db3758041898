"""What the augmentations do to windows: points are (batch, frames, individuals, keypoints, dims).

Each draws from torch's generator of the points' device, once a window, and waits for nothing: a step that
holds them can be captured in a CUDA graph. Columns stay as they are.
"""

from __future__ import annotations

import math
from typing import Literal

import attrs
import torch
from torch import Tensor

from mabe_core import Pose

About = Literal["window", "origin"]


def _uniform(points: Tensor, low: float, high: float, *more: int) -> Tensor:
    """Return a number a window, (batch, 1, …) that broadcasts against the points; more: further sizes."""
    shape = (len(points), 1, *more, *([1] * (3 - len(more))))
    drawn: Tensor = torch.rand(shape, device=points.device, dtype=points.dtype)
    return low + (high - low) * drawn


def _middle(points: Tensor, about: About) -> Tensor | float:
    """Return what a map leaves in place: each window's mean visible point (batch, 1, 1, 1, dims), or 0."""
    return points.nanmean(dim=(1, 2, 3), keepdim=True) if about == "window" else 0.0


@attrs.frozen(eq=False)
class Rotation:
    """Turn by an angle from U(-max_degrees, max_degrees), in the plane of the first two dimensions."""

    max_degrees: float
    about: About

    def __call__(self, pose: Pose) -> Pose:
        middle = _middle(pose.points, self.about)
        from_middle = pose.points - middle
        angle = _uniform(pose.points, -1.0, 1.0)[..., 0] * math.radians(self.max_degrees)
        cos, sin = angle.cos(), angle.sin()
        x, y = from_middle[..., 0], from_middle[..., 1]
        turned = torch.stack([x * cos - y * sin, x * sin + y * cos], dim=-1)
        return attrs.evolve(pose, points=torch.cat([turned, from_middle[..., 2:]], dim=-1) + middle)


@attrs.frozen(eq=False)
class Mirror:
    """Turn x into -x; each keypoint takes the place of the one on its other side."""

    probability: float
    about: About
    other_sides: tuple[int, ...]

    def __call__(self, pose: Pose) -> Pose:
        middle = _middle(pose.points, self.about)
        from_middle = pose.points - middle
        x = -from_middle[..., :1]
        keypoints = torch.cat([x, from_middle[..., 1:]], dim=-1).unbind(dim=-2)
        # by numbers known when it is built: an index tensor would be copied to the device in every step
        mirrored = torch.stack([keypoints[other] for other in self.other_sides], dim=-2) + middle
        chosen = _uniform(pose.points, 0.0, 1.0) < self.probability
        return attrs.evolve(pose, points=torch.where(chosen, mirrored, pose.points))


@attrs.frozen(eq=False)
class Scale:
    """Multiply by a factor whose logarithm is from U(-log largest, log largest)."""

    largest: float
    about: About

    def __call__(self, pose: Pose) -> Pose:
        middle = _middle(pose.points, self.about)
        factor = (_uniform(pose.points, -1.0, 1.0) * math.log(self.largest)).exp()
        return attrs.evolve(pose, points=(pose.points - middle) * factor + middle)


@attrs.frozen(eq=False)
class KeypointDropout:
    """Let a keypoint of one animal be NaN for one stretch of U(0, max_frames), anywhere in the window."""

    probability: float
    max_frames: float

    def __call__(self, pose: Pose) -> Pose:
        points = pose.points
        frames, individuals, keypoints = points.shape[1:4]
        each = (individuals, keypoints)
        dropped = _uniform(points, 0.0, 1.0, *each) < self.probability
        length = _uniform(points, 0.0, self.max_frames, *each)
        start = _uniform(points, 0.0, 1.0, *each) * (frames + length) - length
        now = torch.arange(frames, device=points.device).view(1, -1, 1, 1, 1)
        gone = dropped & (now >= start) & (now < start + length)
        return attrs.evolve(pose, points=points.masked_fill(gone, torch.nan))


@attrs.frozen(eq=False)
class Jitter:
    """Add N(0, spread²) to each coordinate of each frame."""

    spread: float

    def __call__(self, pose: Pose) -> Pose:
        return attrs.evolve(pose, points=pose.points + self.spread * torch.randn_like(pose.points))


def identity_swap(pose: Pose) -> Pose:
    """Put each window's animals in an order drawn from all orders alike."""
    points = pose.points
    order = _uniform(points, 0.0, 1.0, points.shape[2]).argsort(dim=2)
    return attrs.evolve(pose, points=points.gather(2, order.expand_as(points)))
