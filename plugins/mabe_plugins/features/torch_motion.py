"""What `motion` computes; points are (…, frames, individuals, keypoints, dims)."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import torch
from torch import Tensor

from mabe_core import Pose, PoseLayout

from .body import Body
from .motion import MotionConfig
from .torch_geometry import angle, frames_of, norm, shifted, turned_back, unit

ONE_FRAME = 1


@attrs.frozen(eq=False)
class Motion:
    """Add the columns of docs/features.md; what cannot be known, as at a recording's ends, is 0.

    halves: of each scale, the frames to either side of a frame between which movement is measured.
    """

    context: int
    halves: tuple[int, ...]
    fps: float
    body: Body
    parts: frozenset[str]
    compress: bool

    @classmethod
    def build(cls, config: MotionConfig, layout: PoseLayout, body: Body) -> Motion:
        halves = tuple(
            dict.fromkeys(max(ONE_FRAME, frames_of(scale / 2, layout.fps)) for scale in config.scales)
        )
        return cls(max(halves), halves, layout.fps, body, frozenset(config.parts), config.compress)

    def __call__(self, pose: Pose) -> Pose:
        found = {name: column.nan_to_num(nan=0.0) for name, column in self._columns(pose.points)}
        wanted = {name: column for name, column in found.items() if column.shape[-1]}
        return attrs.evolve(pose, columns={**pose.columns, **wanted})

    def _columns(self, points: Tensor) -> Iterator[tuple[str, Tensor]]:
        centre = points.nanmean(dim=-2)
        heading = unit(points[..., self.body.front, :2] - points[..., self.body.back, :2])
        if "heading" in self.parts:
            yield "heading", heading.flatten(-2)
        if "posture" in self.parts:
            yield from self._posture(points)
        if "distances" in self.parts:
            yield from _distances(points)
        if "partner" in self.parts:
            yield "partner", _partner(centre, heading)
        for number, half in enumerate(self.halves, start=1):
            for name, column in self._rates(centre, heading, half):
                if name in self.parts:
                    yield f"{name}{number}", column.asinh() if self.compress else column

    def _rates(self, centre: Tensor, heading: Tensor, half: int) -> Iterator[tuple[str, Tensor]]:
        """Yield what is measured from `half` frames before to `half` frames after each frame."""
        seconds = half / self.fps
        before, after = shifted(centre, -half, -3), shifted(centre, half, -3)
        velocity = (after - before) / (2 * seconds)
        yield "speed", torch.cat([norm(velocity), turned_back(velocity, heading)[..., :2].flatten(-2)], -1)
        yield "acceleration", norm(after - 2 * centre + before) / seconds**2
        turn = angle(shifted(heading, -half, -3), shifted(heading, half, -3))
        yield "turn", turn / (2 * seconds)
        yield "approach", _approach(centre, velocity)

    def _posture(self, points: Tensor) -> Iterator[tuple[str, Tensor]]:
        front, back = points[..., self.body.front, :], points[..., self.body.back, :]
        yield "length", norm(front - back)
        if self.body.middle is not None:
            middle = points[..., self.body.middle, :]
            yield "bend", angle((middle - back)[..., :2], (front - middle)[..., :2])


def _distances(points: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Yield distances between an animal's own keypoints, and between those of each two animals."""
    individuals, keypoints = points.shape[-3:-1]
    own = torch.triu_indices(keypoints, keypoints, offset=1, device=points.device)
    yield "within", norm(points[..., own[0], :] - points[..., own[1], :]).flatten(-2)
    pairs = torch.triu_indices(individuals, individuals, offset=1, device=points.device)
    first, second = points[..., pairs[0], :, None, :], points[..., pairs[1], None, :, :]
    yield "between", norm(first - second).flatten(-3)


def _others(individuals: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the numbers of each ordered two animals, as who sees and who is seen."""
    place = torch.arange(individuals * max(individuals - 1, 0), device=device)
    one = place // max(individuals - 1, 1)
    other = place % max(individuals - 1, 1)
    return one, other + (other >= one)


def _partner(centre: Tensor, heading: Tensor) -> Tensor:
    """Return where each other animal is ahead and to the side, and its heading as seen by the first."""
    one, other = _others(centre.shape[-2], centre.device)
    place = turned_back(centre[..., other, :] - centre[..., one, :], heading[..., one, :])
    faces = turned_back(heading[..., other, :], heading[..., one, :])
    return torch.cat([place, faces], dim=-1).flatten(-2)


def _approach(centre: Tensor, velocity: Tensor) -> Tensor:
    """Return how fast each animal moves towards each other one; negative: away from it."""
    one, other = _others(centre.shape[-2], centre.device)
    way = centre[..., other, :] - centre[..., one, :]
    length = norm(way)
    return (velocity[..., one, :] * way).sum(-1) / torch.where(length == 0, 1.0, length)
