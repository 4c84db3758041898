"""Calibration: whether a probability of 0.8 is right eight times out of ten.

Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks" (ICML 2017), equation 3: the
expected calibration error is the sum over bins of |accuracy - confidence|, weighted by the share of frames in
the bin; they use 15 bins of equal width.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

from mabe_core.runs.scores import Frames

if TYPE_CHECKING:
    from numpy.typing import NDArray

BINS = 15


@attrs.frozen
class Bin:
    """Judgements whose probability is in (low, high]: mean probability, and the share that is right."""

    low: float
    high: float
    count: int
    confidence: float | None
    accuracy: float | None


@attrs.frozen
class Calibration:
    """The bins, and the expected calibration error over all judgements."""

    bins: tuple[Bin, ...]
    error: float
    count: int


@attrs.define(eq=False)
class Reliability:
    """Sums by bin, to which one stretch after another is added."""

    counts: NDArray[np.int64] = attrs.field(factory=lambda: np.zeros(BINS, dtype=np.int64))
    confidence: NDArray[np.float64] = attrs.field(factory=lambda: np.zeros(BINS))
    right: NDArray[np.float64] = attrs.field(factory=lambda: np.zeros(BINS))

    def add(self, frames: Frames, *, exclusive: bool) -> None:
        """Add a stretch: each labelled frame's most probable class; else each labelled (frame, class)."""
        probability = frames.probability.astype(np.float64)
        if exclusive:
            labelled = (frames.truth == 1).any(axis=1)
            confidence = probability[labelled].max(axis=1)
            right = probability[labelled].argmax(axis=1) == frames.truth[labelled].argmax(axis=1)
        else:
            labelled = frames.truth >= 0
            confidence, right = probability[labelled], frames.truth[labelled] == 1
        bins = np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)
        self.counts += np.bincount(bins, minlength=BINS)
        self.confidence += np.bincount(bins, weights=confidence, minlength=BINS)
        self.right += np.bincount(bins, weights=right, minlength=BINS)

    def result(self) -> Calibration | None:
        """Return the bins and the error; None where nothing was added."""
        total = int(self.counts.sum())
        if not total:
            return None
        bins = tuple(
            Bin(
                low=number / BINS,
                high=(number + 1) / BINS,
                count=int(count),
                confidence=float(self.confidence[number] / count) if count else None,
                accuracy=float(self.right[number] / count) if count else None,
            )
            for number, count in enumerate(self.counts)
        )
        return Calibration(bins, float(np.abs(self.right - self.confidence).sum() / total), total)
