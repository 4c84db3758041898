"""What an augmentation promises: another pose each time, drawn from torch's generator, of the same shape."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from mabe_core.exchange import Pose
from mabe_core.testing.findings import Fault, Subject, Suite
from mabe_core.testing.suites import poses
from mabe_core.testing.suites.poses import Map, PoseCase, mapped, tensors


def prepare(subject: Subject) -> PoseCase:
    """Build the augmentation for each layout of keypoints."""
    return PoseCase(poses.built(subject), batched=True)


def _drawn(function: Map, points: Tensor, seed: int) -> Tensor:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return function(Pose(points)).points


def _same(one: Tensor, other: Tensor) -> bool:
    return torch.equal(one.nan_to_num(-1.0), other.nan_to_num(-1.0))


def same_seed_same_result(case: PoseCase) -> None:
    """From one state of torch's generator it gives one result, so that a resumed run goes on alike."""
    for layout, function in case.maps.items():
        points = case.points(layout)
        if not _same(_drawn(function, points, 1), _drawn(function, points, 1)):
            raise Fault("the same seed gives another result: draw from torch's generator only")


def it_is_random(case: PoseCase) -> None:
    """Of five seeds, two give different results."""
    for layout, function in case.maps.items():
        points = case.points(layout)
        first, *others = (_drawn(function, points, seed) for seed in range(5))
        if all(_same(first, other) for other in others):
            raise Fault("five seeds give the same result: what is not random is a feature")


def windows_and_frames_stay_in_place(case: PoseCase) -> None:
    """A frame in which nothing is seen stays where it is, as its label does."""
    for layout, function in case.maps.items():
        points = case.points(layout)
        points[1, 5:8] = torch.nan
        unseen = points.isnan().flatten(2).all(-1)
        for seed in range(8):
            after = _drawn(function, points.clone(), seed).isnan().flatten(2).all(-1)
            if after.any() and not after[unseen].all():
                raise Fault(
                    "frames that were missing turn up at others' places: windows or frames are moved, but "
                    "their labels stay"
                )


def values(case: PoseCase) -> Iterator[Tensor]:
    """Yield what the augmentation makes of made-up windows, by one seed."""
    for layout, function in case.maps.items():
        pose = Pose(case.points(layout, missing=0.1, dtype=torch.float64))
        yield from tensors(mapped(function, pose)).values()


SUITE = Suite(
    (*poses.CHECKS, same_seed_same_result, it_is_random, windows_and_frames_stay_in_place), prepare, values
)
