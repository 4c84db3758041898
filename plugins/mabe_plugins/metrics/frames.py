"""What metrics that need every frame share: the frames themselves, and bouts in them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mabe_core import Evaluation, ScoredFrames


def stretches_of(evaluation: Evaluation) -> tuple[ScoredFrames, ...]:
    """Return the frames; raise ValueError in an evaluation that kept counts only."""
    if evaluation.stretches is None:
        raise ValueError("this metric needs every frame, and the evaluation has counts only")
    return evaluation.stretches


def bouts(present: NDArray[np.bool_], labelled: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the bouts in (frames,) as (bouts, 2), start and stop, which is exclusive.

    An unlabelled frame ends a bout.
    """
    edges = np.diff((present & labelled).astype(np.int8), prepend=0, append=0)
    return np.stack([np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)], axis=1)
