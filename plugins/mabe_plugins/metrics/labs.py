"""The score of the MABe challenge 2025 on label tracks; on intervals it is in mabe_f_beta.py."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mabe_core import UNLABELLED, Evaluation

from .counts import Metric
from .frames import stretches_of


def f_beta_over_labs(group: str, beta: float) -> Metric:
    """Return `mabe_f_beta`: the mean over labs of the mean over a lab's labelled classes of F-beta.

    F = (1 + beta²) TP / ((1 + beta²) TP + beta² FN + FP), counted over a lab's frames that are labelled for
    the class. A lab is what stretches have in `group`; without it they are one lab.
    """

    def scores(evaluation: Evaluation) -> Mapping[str, float]:
        counts: dict[str, NDArray[np.int64]] = {}
        for stretch in stretches_of(evaluation):
            present, absent = stretch.truth == 1, (stretch.truth != UNLABELLED) & (stretch.truth != 1)
            found = stretch.predicted == 1
            each = [frames.sum(axis=0) for frames in (found & present, found & absent, ~found & present)]
            lab = stretch.groups.get(group, "")
            counts[lab] = counts.get(lab, np.int64(0)) + np.array(each, dtype=np.int64)
        means = []
        for right, false, missed in counts.values():
            labelled = right + missed > 0
            if labelled.any():
                weighted = (1 + beta**2) * right
                means.append((weighted / (weighted + beta**2 * missed + false).clip(min=1))[labelled].mean())
        return {"mabe_f_beta": float(np.mean(means)) if means else 0.0}

    return scores
