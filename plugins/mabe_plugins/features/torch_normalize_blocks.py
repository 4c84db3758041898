"""What `normalize` does to a recording that is had in blocks: it finds origin and scale, then moves each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import attrs
import torch
from torch import Tensor

from mabe_core import Pose

from .torch_normalize import OUTSIDE, body_lengths
from .torch_ranks import kth_smallest

# yields a recording's pose block after block, as often as it is called
Blocks = Callable[[], Iterable[Pose]]


def moved(origin_of: str, scale_of: str | float, blocks: Blocks) -> Moved:
    """Return what `Normalize` with this origin and scale does to a recording; sums are taken in float64."""
    seen = _Seen.of(blocks)
    box = None
    if "arena" in (origin_of, scale_of):
        box = seen.arena(blocks)
    origin, scale = seen.zero, seen.one
    if origin_of == "recording":
        origin = seen.mean
    elif box is not None and origin_of == "arena":
        origin = (box[0] + box[1]) / 2
    if scale_of == "body_length":
        scale = seen.body_length(blocks)
    elif box is not None and scale_of == "arena":
        side = (box[1] - box[0])[:2].amax()
        scale = torch.where(side > 0, side, seen.one)
    elif isinstance(scale_of, float):
        scale = seen.one * scale_of
    return Moved(0, origin, scale)


@attrs.define(eq=False)
class Moved:
    """Points become (points - origin) / scale; origin (dims,), scale a scalar."""

    context: int
    origin: Tensor
    scale: Tensor

    def __call__(self, pose: Pose) -> Pose:
        return attrs.evolve(pose, points=(pose.points - self.origin) / self.scale)


@attrs.define(eq=False)
class _Seen:
    """What is counted of a recording in one reading.

    total: of each coordinate, float64 (dims,). visible: how often each was seen. whole, part: individuals
    seen whole, and seen at all, over all frames.
    """

    zero: Tensor
    total: Tensor
    visible: Tensor
    whole: int = 0
    part: int = 0

    @classmethod
    def of(cls, blocks: Blocks) -> _Seen:
        seen: _Seen | None = None
        for pose in blocks():
            points = pose.points
            if seen is None:
                none = torch.zeros_like(points[0, 0, 0])
                seen = cls(none, none.double(), none.long())
            seen.total = seen.total + points.double().nansum((0, 1, 2))
            seen.visible = seen.visible + (~points.isnan()).sum((0, 1, 2))
            _, whole, part = body_lengths(points)
            seen.whole += int(whole.sum())
            seen.part += int(part.sum())
        assert seen is not None, "a recording has a frame"
        return seen

    @property
    def one(self) -> Tensor:
        return torch.ones_like(self.zero[0])

    @property
    def mean(self) -> Tensor:
        return (self.total / self.visible).to(self.zero.dtype)

    def arena(self, blocks: Blocks) -> tuple[Tensor, Tensor]:
        """Return the corners (dims,) of the box that `_arena` finds."""
        corners = []
        for axis, count in enumerate(self.visible):
            last = (count - 1).clamp(min=0)
            outside = (last * OUTSIDE).long()
            corners.append(
                [
                    self._ranked(_axis(blocks, axis), int(rank), int(count))
                    for rank in (outside, last - outside)
                ]
            )
        low, high = zip(*corners, strict=True)
        return torch.stack(low), torch.stack(high)

    def body_length(self, blocks: Blocks) -> Tensor:
        """Return the median that `_body_length` finds."""
        count = self.whole or self.part
        median = self._ranked(_usable(blocks, whole=bool(self.whole)), max(count - 1, 0) // 2, count)
        return torch.where(median > 0, median, self.one)  # NaN where no body is ever seen

    def _ranked(self, read: Callable[[], Iterable[Tensor]], rank: int, count: int) -> Tensor:
        if not count:
            return torch.full_like(self.one, torch.nan)
        return kth_smallest(read, rank, self.zero.dtype).to(self.zero.device)


def _axis(blocks: Blocks, axis: int) -> Callable[[], Iterator[Tensor]]:
    def read() -> Iterator[Tensor]:
        for pose in blocks():
            values = pose.points[..., axis]
            yield values[~values.isnan()]

    return read


def _usable(blocks: Blocks, *, whole: bool) -> Callable[[], Iterator[Tensor]]:
    def read() -> Iterator[Tensor]:
        for pose in blocks():
            length, is_whole, is_part = body_lengths(pose.points)
            yield length[is_whole if whole else is_part]

    return read
