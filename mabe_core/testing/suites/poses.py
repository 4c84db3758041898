"""Checks that hold for everything that maps a pose to a pose: features and augmentations."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping

import attrs
import torch
from torch import Tensor

from mabe_core.errors import UserError
from mabe_core.exchange import Pose, PoseLayout
from mabe_core.testing.findings import Fault, Subject
from mabe_core.testing.samples import LAYOUTS, walk

Map = Callable[[Pose], Pose]


@attrs.frozen(eq=False)
class PoseCase:
    """A map of poses for each layout of keypoints. batched: it is given windows, not whole recordings."""

    maps: Mapping[PoseLayout, Map]
    batched: bool

    def points(
        self, layout: PoseLayout, *, missing: float = 0.0, dtype: torch.dtype = torch.float32
    ) -> Tensor:
        """Return made-up points (frames, …), or (3, frames, …) where windows are asked for."""
        if not self.batched:
            return walk(layout, missing=missing, dtype=dtype)
        return torch.stack([walk(layout, 24, missing=missing, seed=seed, dtype=dtype) for seed in range(3)])


def built(subject: Subject) -> dict[PoseLayout, Map]:
    """Build the component for each layout of keypoints; the usual one cannot be refused."""
    usual, *others = LAYOUTS
    maps = {usual: subject.build(usual)}
    for layout in others:
        with contextlib.suppress(UserError):
            maps[layout] = subject.build(layout)
    return maps


def mapped(function: Map, pose: Pose) -> Pose:
    """Return what a feature or augmentation makes of a pose, its generator seeded."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        result = function(pose)
    if not isinstance(result, Pose):
        raise Fault(f"it returned {type(result).__name__}, not a Pose")
    return result


def tensors(pose: Pose) -> dict[str, Tensor]:
    """Return a pose's tensors by name."""
    return {"points": pose.points, **{f"column {name}": value for name, value in pose.columns.items()}}


def shapes_and_dtypes(case: PoseCase) -> str:
    """Points keep their shape and columns are (…, frames, width), in the number format that came in."""
    widths = {}
    for layout, function in case.maps.items():
        for dtype in (torch.float32, torch.float64):
            points = case.points(layout, dtype=dtype)
            result = mapped(function, Pose(points))
            if result.points.shape != points.shape:
                raise Fault(f"points {tuple(points.shape)} become {tuple(result.points.shape)}")
            for name, value in tensors(result).items():
                if value.dtype != dtype:
                    raise Fault(f"{name} is {value.dtype} for points of {dtype}")
            for name, column in result.columns.items():
                if column.shape[:-1] != points.shape[:-3]:
                    wanted = ", ".join(map(str, points.shape[:-3]))
                    raise Fault(f"column {name} is {tuple(column.shape)}, not ({wanted}, width)")
                widths[name] = column.shape[-1]
    return ", ".join(f"{name} ({width} wide)" for name, width in widths.items())


def earlier_columns_are_kept(case: PoseCase) -> None:
    """Columns that an earlier feature added are still there, as they were."""
    for layout, function in case.maps.items():
        points = case.points(layout)
        before = points[..., 0, 0, :1].clone()
        given = before.clone()
        after = mapped(function, Pose(points, {"before": given})).columns.get("before")
        if after is None:
            raise Fault("a column of an earlier feature is lost: return {**pose.columns, …}")
        if not torch.equal(given, before) or not torch.equal(after, before):
            raise Fault("a column of an earlier feature is changed: add one of another name")


def its_input_is_left_as_it_was(case: PoseCase) -> None:
    """Nothing is written into the points that it is given."""
    for layout, function in case.maps.items():
        points = case.points(layout, missing=0.2)
        before = points.clone()
        mapped(function, Pose(points))
        if not torch.equal(points.nan_to_num(-1.0), before.nan_to_num(-1.0)):
            raise Fault("it writes into the points that it is given: work on a copy")


def missing_points(case: PoseCase) -> str:
    """Missing points, some or all, make nothing infinite and raise nothing."""
    left = 0.0
    for layout, function in case.maps.items():
        for missing in (0.2, 1.0):
            result = mapped(function, Pose(case.points(layout, missing=missing)))
            for name, value in tensors(result).items():
                if value.isinf().any():
                    raise Fault(f"{name} is infinite where points are missing")
            if missing < 1:
                left = max(left, *(float(value.isnan().any()) for value in tensors(result).values()))
    return "NaN where points are missing" if left else "no NaN is left"


CHECKS = (shapes_and_dtypes, earlier_columns_are_kept, its_input_is_left_as_it_was, missing_points)
