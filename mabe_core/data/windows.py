"""Windows as index arithmetic: where they start and which of their frames count."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@attrs.frozen
class WindowShape:
    """`length` frames, taken every `gap` frames."""

    length: int
    gap: int = 1

    @property
    def span(self) -> int:
        """Frames of a recording from a window's first to its last, both included."""
        return (self.length - 1) * self.gap + 1


def training_starts(labelled: NDArray[np.bool_], shape: WindowShape) -> NDArray[np.int64]:
    """Return every start at which a window fits into a segment and holds a labelled frame.

    labelled: bool (frames,) of one segment. Starts count from the segment's first frame.
    """
    count = len(labelled) - shape.span + 1
    if count <= 0:
        return np.empty(0, dtype=np.int64)
    seen = np.zeros(count, dtype=bool)
    for place in range(0, shape.span, shape.gap):
        seen |= labelled[place : place + count]
    return np.flatnonzero(seen)


def tiling(frames: int, shape: WindowShape) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return windows that cover a segment so that each frame counts once.

    With a gap, each phase of the gap is covered by itself. The last window of a phase is moved back to fit,
    and its frames that an earlier window holds do not count. A phase shorter than a window is not covered.
    Returns starts int64 (windows,) and counts bool (windows, length).
    """
    starts: list[int] = []
    counts: list[NDArray[np.bool_]] = []
    for phase in range(min(shape.gap, frames)):
        available = (frames - 1 - phase) // shape.gap + 1
        covered = 0
        while covered < available and available >= shape.length:
            first = min(covered, available - shape.length)
            starts.append(phase + first * shape.gap)
            counts.append(np.arange(first, first + shape.length) >= covered)
            covered = first + shape.length
    return (
        np.array(starts, dtype=np.int64),
        np.array(counts, dtype=bool).reshape(len(starts), shape.length),
    )


def overlapping(frames: int, shape: WindowShape, stride: int) -> NDArray[np.int64]:
    """Return the starts of windows that cover a stretch, in order; int64 (windows,).

    With a gap, each phase of the gap is covered by itself. A window starts `stride` of its places after the
    one before; the last of a phase is moved back to fit. A phase shorter than a window has one that runs past
    the stretch.
    """
    starts = []
    for phase in range(min(shape.gap, frames)):
        last = max((frames - 1 - phase) // shape.gap + 1 - shape.length, 0)
        starts.append(phase + shape.gap * np.append(np.arange(0, last, stride), last))
    return np.sort(np.concatenate(starts)).astype(np.int64)
