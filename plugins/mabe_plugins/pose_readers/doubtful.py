"""Makes points missing that are half there or not trusted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mabe_core import DataError

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
    notes = []
    missing = np.isnan(points)
    half = missing.any(axis=-1) & ~missing.all(axis=-1)
    if half.any():
        points[half] = np.nan
        notes.append(f"points with only one coordinate, taken as missing: {half.sum()}")
    if min_confidence is not None:
        if confidence is None:
            raise DataError.at(
                file, "has no likelihood columns (confidence), so min_confidence cannot be used on it."
            )
        doubtful = (confidence < min_confidence) & ~np.isnan(points[..., 0])
        points[doubtful] = np.nan
        if doubtful.any():
            notes.append(
                f"points below min_confidence {min_confidence:g}, taken as missing: {doubtful.sum()}"
            )
    if np.isnan(points).all():
        raise DataError.at(file, "no point is left: every one is missing, or below min_confidence.")
    return tuple(notes)
