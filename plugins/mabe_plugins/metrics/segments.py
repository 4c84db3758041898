"""Scores of bouts: segmental F1 and edit score (Lea et al. 2017), counts and durations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mabe_core import UNLABELLED, Evaluation, ScoredFrames

from .counts import Metric
from .frames import bouts, stretches_of


def segment_scores(overlaps: Sequence[float], counted: Sequence[int], exclusive: bool) -> Metric:
    """Return `segment_f1_<percent>` for each overlap, and `edit_score` where classes exclude each other.

    F1 is 2 TP over (2 TP + FP + FN), the counts summed over stretches and classes; 0 where that is 0 / 0.
    The edit score is the mean over stretches with labels.
    """

    def scores(evaluation: Evaluation) -> Mapping[str, float]:
        stretches = stretches_of(evaluation)
        found: dict[str, float] = {}
        for overlap in overlaps:
            counts = np.zeros(3, dtype=np.int64)
            for stretch in stretches:
                for number in counted:
                    counts += hits(*_bouts_of(stretch, number), overlap)
            right, false, missed = map(int, counts)
            found[f"segment_f1_{overlap * 100:g}"] = float(2 * right / max(2 * right + false + missed, 1))
        if exclusive:
            edits = [edit_score(*map(_sequence, _labels(stretch, counted))) for stretch in stretches]
            known = [edit for edit in edits if edit is not None]
            found["edit_score"] = float(np.mean(known)) if known else 0.0
        return found

    return scores


def hits(truth: NDArray[np.int64], found: NDArray[np.int64], overlap: float) -> NDArray[np.int64]:
    """Return true positives, false positives and false negatives among bouts of one class.

    truth, found: (bouts, 2), start and stop. In order of time, a bout that was found is right where its
    intersection over union with the labelled bout that it shares most with is at least `overlap`, and no
    earlier one was right for that bout.
    """
    taken = np.zeros(len(truth), dtype=np.bool_)
    for start, stop in found if len(truth) else ():
        common = np.minimum(stop, truth[:, 1]) - np.maximum(start, truth[:, 0])
        union = np.maximum(stop, truth[:, 1]) - np.minimum(start, truth[:, 0])
        shares = common / union
        best = int(shares.argmax())
        taken[best] |= shares[best] >= overlap
    right = int(taken.sum())
    return np.array([right, len(found) - right, len(truth) - right])


def edit_score(truth: NDArray[np.int64], found: NDArray[np.int64]) -> float | None:
    """Return 1 - Levenshtein distance / the longer length, of classes in order; None where both are empty."""
    longer = max(len(truth), len(found))
    if not longer:
        return None
    place = np.arange(len(found) + 1)
    row = place
    for number, name in enumerate(truth, start=1):
        below = np.minimum(row[1:] + 1, row[:-1] + (found != name))
        # insertions run along the row: the least of what stands to the left, plus the way from there
        row = np.minimum.accumulate(np.append(number, below) - place) + place
    return 1.0 - float(row[-1]) / longer


def bout_statistics(names: Sequence[str]) -> Metric:
    """Return `bouts_<class>` and `bout_seconds_<class>`, the mean, each as found and as `true_…`."""

    def numbers(evaluation: Evaluation) -> Mapping[str, float]:
        stretches = stretches_of(evaluation)
        told: dict[str, float] = {}
        for number, name in enumerate(names):
            each = [_bouts_of(stretch, number) for stretch in stretches]
            for prefix, which in (("", 1), ("true_", 0)):
                seconds = [
                    (both[which][:, 1] - both[which][:, 0]) / stretch.fps
                    for stretch, both in zip(stretches, each, strict=True)
                ]
                lengths = np.concatenate([np.empty(0), *seconds])
                told[f"{prefix}bouts_{name}"] = float(len(lengths))
                told[f"{prefix}bout_seconds_{name}"] = float(lengths.mean()) if len(lengths) else 0.0
        return told

    return numbers


def _bouts_of(stretch: ScoredFrames, number: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the bouts of one class, as labelled and as found."""
    labelled = stretch.truth[:, number] != UNLABELLED
    return (
        bouts(stretch.truth[:, number] == 1, labelled),
        bouts(stretch.predicted[:, number] == 1, labelled),
    )


def _labels(stretch: ScoredFrames, counted: Sequence[int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return each frame's class as labelled and as found: -1 where it is unlabelled or does not count."""
    labelled = (stretch.truth[:, list(counted)] != UNLABELLED).all(axis=1)
    truth, found = (
        np.where((track == 1)[:, list(counted)].any(axis=1) & labelled, track.argmax(axis=1), -1)
        for track in (stretch.truth, stretch.predicted)
    )
    return truth, found


def _sequence(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the classes of the bouts in order, of a class for each frame."""
    begins = np.flatnonzero(np.diff(labels, prepend=-2))
    classes = labels[begins]
    return classes[classes >= 0]
