"""Lengths, directions and differences in time of points (…, frames, individuals, keypoints, dims)."""

from __future__ import annotations

import torch
from torch import Tensor

FRAMES = -4


def frames_of(seconds: float, fps: float) -> int:
    """Return how many frames a time lasts, rounded."""
    return int(seconds * fps + 0.5)


def norm(vectors: Tensor) -> Tensor:
    """Return the lengths (…,) of vectors (…, dims)."""
    return vectors.square().sum(-1).sqrt()


def unit(vectors: Tensor) -> Tensor:
    """Return vectors (…, 2) at length 1; one of length 0 becomes (1, 0)."""
    length = norm(vectors)
    none = length == 0
    x, y = (vectors / torch.where(none, 1.0, length)[..., None]).unbind(-1)
    return torch.stack([x + none, y], dim=-1)


def shifted(values: Tensor, frames: int, dim: int) -> Tensor:
    """Return the values of `frames` later at each frame, NaN beyond the ends; a negative number: earlier."""
    count = values.shape[dim]
    shift = max(-count, min(count, frames))
    edge = torch.full_like(values.narrow(dim, 0, abs(shift)), torch.nan)
    kept = values.narrow(dim, max(shift, 0), count - abs(shift))
    return torch.cat([kept, edge] if shift > 0 else [edge, kept], dim=dim)


def turned_back(vectors: Tensor, heading: Tensor) -> Tensor:
    """Return vectors (…, dims) as seen along a heading (…, 2): x ahead, y to the side; a third stays."""
    x, y = vectors[..., 0], vectors[..., 1]
    cos, sin = heading[..., 0], heading[..., 1]
    seen = torch.stack([x * cos + y * sin, y * cos - x * sin], dim=-1)
    return torch.cat([seen, vectors[..., 2:]], dim=-1)


def angle(first: Tensor, second: Tensor) -> Tensor:
    """Return the angle (…,), -π to π radians, by which vectors (…, 2) turn from the first to the second."""
    cross = first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0]
    return torch.atan2(cross, (first * second).sum(-1))
