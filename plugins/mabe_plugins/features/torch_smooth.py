"""What `smooth` computes; points are (…, frames, individuals, keypoints, dims)."""

from __future__ import annotations

import attrs
import torch
from torch import Tensor

from mabe_core import Feature, Pose, PoseLayout, UserError

from .smooth import SmoothConfig
from .torch_geometry import FRAMES, frames_of


def build(config: SmoothConfig, layout: PoseLayout) -> Feature:
    """Raise UserError where the window holds too few frames for the polynomial."""
    half = frames_of(config.window / 2, layout.fps)
    frames = 2 * half + 1
    if config.method == "median":
        return Median(half)
    if config.order >= frames:
        raise UserError(
            f"smooth: {config.window:g} s are {frames} frames at {layout.fps:g} frames/s, too few for a "
            f"polynomial of degree {config.order}. Use a window of at least "
            f"{(config.order + 1) / layout.fps:.2g} s, or an order below {frames}."
        )
    return SavitzkyGolay(half, coefficients(half, config.order))


def _windows(points: Tensor, half: int) -> Tensor:
    """Return the frames around each frame, (…, 2 half + 1); NaN before the first and after the last."""
    edge = points.new_full((*points.shape[:FRAMES], half, *points.shape[FRAMES + 1 :]), torch.nan)
    return torch.cat([edge, points, edge], dim=FRAMES).unfold(FRAMES, 2 * half + 1, 1)


@attrs.frozen(eq=False)
class Median:
    """The median of each coordinate over the visible points at most `context` frames away."""

    context: int

    def __call__(self, pose: Pose) -> Pose:
        around = _windows(pose.points, self.context)
        ordered = around.sort(dim=-1).values  # missing ones last
        last = (~around.isnan()).sum(-1, keepdim=True) - 1
        low = ordered.gather(-1, (last // 2).clamp(min=0))
        high = ordered.gather(-1, ((last + 1) // 2).clamp(min=0))
        median = ((low + high) / 2).squeeze(-1)
        return attrs.evolve(pose, points=torch.where(pose.points.isnan(), torch.nan, median))


@attrs.frozen(eq=False)
class SavitzkyGolay:
    """The value in the middle of the least-squares polynomial over 2 `context` + 1 frames.

    Where one of them is missing, as at both ends of a recording, the point stays as it is.
    """

    context: int
    weights: tuple[float, ...]

    def __call__(self, pose: Pose) -> Pose:
        around = _windows(pose.points, self.context)
        # weight by weight: a tensor of weights would be copied to the device in every step
        fitted = sum(
            (around[..., n] * weight for n, weight in enumerate(self.weights)), start=0.0 * pose.points
        )
        return attrs.evolve(pose, points=torch.where(fitted.isnan(), pose.points, fitted))


def coefficients(half: int, order: int) -> tuple[float, ...]:
    """Return the 2 half + 1 weights that give a polynomial's middle (Savitzky & Golay 1964)."""
    place = torch.linspace(-1, 1, 2 * half + 1, dtype=torch.float64)
    powers = place[:, None] ** torch.arange(order + 1)
    return tuple(torch.linalg.pinv(powers)[0].tolist())
