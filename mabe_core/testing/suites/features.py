"""What a feature promises: a pose for a pose, frame for frame, looking no further than it declares."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from mabe_core.errors import UserError
from mabe_core.exchange import Pose
from mabe_core.testing.findings import Doubt, Fault, NotAsked, Subject, Suite
from mabe_core.testing.samples import walk
from mabe_core.testing.suites import poses
from mabe_core.testing.suites.poses import PoseCase, mapped, tensors

SMALL_CONTEXT = 8  # frames that cost little, whether they are needed or not
LENGTH = 16  # frames of the windows that are compared with whole recordings


def prepare(subject: Subject) -> PoseCase:
    """Build the feature for each layout of keypoints."""
    return PoseCase(poses.built(subject), batched=False)


def context_is_declared(case: PoseCase) -> str:
    """`context` is a number of frames, or None for the whole recording."""
    contexts = [getattr(feature, "context", "nothing") for feature in case.maps.values()]
    for context in contexts:
        if context is not None and (type(context) is not int or context < 0):
            raise Fault(f"`context` must be a number of frames from 0, or None, not {context!r}")
    return "the whole recording" if None in contexts else f"{max(contexts)} frames"


def context_is_honoured(case: PoseCase) -> None:
    """A window with its context gives what the whole recording gives there.

    In such a window, frames before a recording's first and after its last are missing.
    """
    for layout, feature in case.maps.items():
        context = feature.context  # type: ignore[attr-defined] # a Feature here
        if context is None:
            raise NotAsked("it looks at the whole recording")
        for missing in (0.0, 0.2):
            points = walk(layout, 3 * LENGTH + context, missing=missing, dtype=torch.float64)
            padded = torch.nn.functional.pad(points, (0, 0) * 3 + (context, context), value=torch.nan)
            starts = range(len(points) - LENGTH + 1)
            windows = torch.stack([padded[start : start + LENGTH + 2 * context] for start in starts])
            whole, cut = tensors(mapped(feature, Pose(points))), tensors(mapped(feature, Pose(windows)))
            for name, value in cut.items():
                inside = value[:, context : context + LENGTH]
                expected = torch.stack([whole[name][start : start + LENGTH] for start in starts])
                same = torch.isclose(inside, expected, rtol=1e-6, atol=1e-9, equal_nan=True).flatten(1).all(1)
                if not same[context : len(same) - context].all():
                    raise Fault(
                        f"{name} of a window with {context} frames of context differs from that of the whole "
                        "recording: it looks further than `context` says, or at the window as a whole"
                    )
                if not same.all():
                    raise Fault(
                        f"{name} differs at a recording's ends, where a window's context is missing (NaN), "
                        "from that of the whole recording: treat what is beyond it as missing there too"
                    )


def context_is_needed(case: PoseCase) -> None:
    """A quarter of the context does not give the same, on animals with gaps of every length up to it."""
    for layout, feature in case.maps.items():
        context = feature.context  # type: ignore[attr-defined] # a Feature here
        if context is None or context < SMALL_CONTEXT:
            continue
        points = walk(layout, 6 * context, dtype=torch.float64)
        for number, length in enumerate((context, context // 2)):
            start = context + number * 2 * context
            points[start : start + length, :, 0] = torch.nan
        whole = tensors(mapped(feature, Pose(points)))
        few = context // 4
        cuts = [(middle - few, middle + few + 1) for middle in range(context, 5 * context)]
        windows = torch.stack([points[start:stop] for start, stop in cuts])
        for name, value in tensors(mapped(feature, Pose(windows))).items():
            expected = whole[name][context : 5 * context]
            if not torch.allclose(value[:, few], expected, rtol=1e-6, atol=1e-9, equal_nan=True):
                return
        raise Doubt(
            f"`context` is {context} frames to either side, but {few} give the same on made-up animals: each "
            "window that is augmented is computed with so many more frames"
        )


def short_recordings(case: PoseCase) -> str:
    """Recordings of a few frames, which turn up among others, keep their frames and raise nothing."""
    refused = []
    for layout, feature in case.maps.items():
        for frames in (1, 2, 4):
            try:
                result = mapped(feature, Pose(walk(layout, frames)))
            except UserError as error:
                refused.append(f"refuses {frames} frames: {error}")
                continue
            for name, value in tensors(result).items():
                found = value.shape[-4 if name == "points" else -2]
                if found != frames:
                    raise Fault(f"{name} of a recording of {frames} frames has {found}")
    return "; ".join(refused)


def each_recording_by_itself(case: PoseCase) -> None:
    """Given several at once, (batch, frames, …), it maps each as if it were alone."""
    for layout, feature in case.maps.items():
        points = [walk(layout, 40, seed=seed, missing=0.1, dtype=torch.float64) for seed in (1, 2)]
        both = tensors(mapped(feature, Pose(torch.stack(points))))
        for name, alone in tensors(mapped(feature, Pose(points[1]))).items():
            if not torch.allclose(both[name][1], alone, rtol=1e-6, atol=1e-9, equal_nan=True):
                raise Fault(f"{name} of one recording changes with the others of the batch")


def finite_where_nothing_is_missing(case: PoseCase) -> None:
    """Points without a gap, of animals that move or sit still, give finite numbers."""
    for layout, feature in case.maps.items():
        moving = walk(layout)
        for what, points in (("move", moving), ("sit still", moving[:1].expand_as(moving).contiguous())):
            for name, value in tensors(mapped(feature, Pose(points))).items():
                if not value.isfinite().all():
                    raise Fault(f"{name} is not finite for animals that {what}, though no point is missing")


def it_repeats(case: PoseCase) -> None:
    """The same points give the same numbers: nothing is drawn by chance, nothing kept."""
    for layout, feature in case.maps.items():
        first = tensors(feature(Pose(walk(layout))))
        feature(Pose(walk(layout, seed=3)))
        for name, value in tensors(feature(Pose(walk(layout)))).items():
            if not torch.equal(value, first[name]):
                raise Fault(f"{name} is another the second time")


def values(case: PoseCase) -> Iterator[Tensor]:
    """Yield what the feature makes of made-up animals."""
    for layout, feature in case.maps.items():
        yield from tensors(mapped(feature, Pose(walk(layout, missing=0.1, dtype=torch.float64)))).values()


SUITE = Suite(
    (
        context_is_declared,
        *poses.CHECKS,
        finite_where_nothing_is_missing,
        it_repeats,
        short_recordings,
        each_recording_by_itself,
        context_is_honoured,
        context_is_needed,
    ),
    prepare,
    values,
)
