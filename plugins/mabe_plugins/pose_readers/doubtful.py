"""Makes points missing that are half there or not trusted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mabe_core import DataError, in_blocks, let_go

if TYPE_CHECKING:
    from numpy.typing import NDArray


def drop_doubtful(
    points: NDArray[np.float32],
    confidence: NDArray[np.float32] | None,
    min_confidence: float | None,
    file: Path,
) -> tuple[str, ...]:
    """Change points in place, and return what to tell about it.

    points: float32 (frames, individuals, keypoints, dims); confidence: the same without dims, or None. Raises
    DataError where min_confidence is asked of a file without confidences, or leaves no point.
    """
    if min_confidence is not None and confidence is None:
        raise DataError.at(
            file, "has no likelihood columns (confidence), so min_confidence cannot be used on it."
        )
    halves = doubts = left = 0
    for start, block in in_blocks(points):
        missing = np.isnan(block)
        half = missing.any(axis=-1) & ~missing.all(axis=-1)
        halves += int(half.sum())
        block[half] = np.nan
        if min_confidence is not None and confidence is not None:
            trust = confidence[start : start + len(block)]
            doubtful = (trust < min_confidence) & ~np.isnan(block[..., 0])
            doubts += int(doubtful.sum())
            block[doubtful] = np.nan
            let_go(confidence)
        left += int((~np.isnan(block[..., 0])).sum())
    notes = []
    if halves:
        notes.append(f"points with only one coordinate, taken as missing: {halves}")
    if doubts:
        notes.append(f"points below min_confidence {min_confidence:g}, taken as missing: {doubts}")
    if not left:
        raise DataError.at(file, "no point is left: every one is missing, or below min_confidence.")
    return tuple(notes)
