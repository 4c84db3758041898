"""Average precision: how well probabilities rank the frames of a class above all others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mabe_core import UNLABELLED, Evaluation

from .counts import Metric
from .frames import stretches_of


def average_precisions(names: Sequence[str], counted: Sequence[int]) -> Metric:
    """Return `map`, the mean over the classes that count, and one `ap_<class>` a class.

    As scikit-learn's average_precision_score over labelled frames of all stretches together; a class that
    never occurs has 0, and counts.
    """

    def scores(evaluation: Evaluation) -> Mapping[str, float]:
        stretches = stretches_of(evaluation)
        each = []
        for number in range(len(names)):
            truth = [stretch.truth[:, number] for stretch in stretches]
            found = [stretch.probability[:, number] for stretch in stretches]
            known = [column != UNLABELLED for column in truth]
            each.append(
                average_precision(
                    np.concatenate([np.empty(0, np.int8), *map(np.ndarray.__getitem__, truth, known)]) == 1,
                    np.concatenate([np.empty(0), *map(np.ndarray.__getitem__, found, known)]),
                )
            )
        by_class = {f"ap_{name}": score for name, score in zip(names, each, strict=True)}
        return {"map": float(np.mean([each[number] for number in counted])), **by_class}

    return scores


def average_precision(truth: NDArray[np.bool_], score: NDArray[np.floating]) -> float:
    """Return the sum over thresholds of precision times the gain in recall; truth, score (frames,)."""
    if not truth.any():
        return 0.0
    order = np.argsort(-score, kind="stable")
    right = np.cumsum(truth[order])
    last = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)  # of frames that tie
    recall = right[last] / right[-1]
    precision = right[last] / (last + 1)
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))
