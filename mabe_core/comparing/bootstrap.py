"""Paired differences with a percentile bootstrap interval over recordings.

Frames of one recording are alike, so recordings are what is drawn, with replacement; the same draw for both.
Of each draw, counts are pooled over the drawn recordings, the metric is computed anew for both, seed by seed,
and the difference is averaged over seeds (cluster bootstrap: Davison & Hinkley 1997, Bootstrap Methods and
their Application, section 3.8).
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

from mabe_core.comparing.counted import OfCounts
from mabe_core.comparing.pairing import NotComparableError, Pairs, confusions
from mabe_core.runs.scores import Stretch

DRAWS = 2000
CONFIDENCE = 0.95


@attrs.frozen
class Difference:
    """The first group's score less the second's, and where it lies in 95% of draws.

    low, high: none where there is one recording. by: "pooled counts", or "mean over recordings" for a metric
    that does not follow from counts. left_out: recordings that one of them alone scored.
    """

    difference: float
    low: float | None
    high: float | None
    recordings: int
    left_out: int
    by: str
    notes: tuple[str, ...] = ()


def difference(
    pairs: Pairs, metric: str, of_counts: OfCounts | None, *, draws: int = DRAWS, seed: int = 0
) -> Difference:
    """Return the difference of a metric over paired recordings, with its interval.

    of_counts: the metric as a function of a confusion matrix; without it, the mean over recordings of what it
    says of each is taken. Raises NotComparableError where a recording lacks that.
    """
    number = len(pairs.recordings)
    if of_counts is not None:
        by = "pooled counts"
        sides = [_counts(pairs, side) for side in (0, 1)]

        def value(chosen: NDArray[np.int64]) -> float:
            weights = np.bincount(chosen, minlength=number)
            return _mean_difference(
                [_of_pooled(of_counts, weights, side[k]) for side in sides] for k in range(len(sides[0]))
            )
    else:
        by = "mean over recordings"
        means = [_by_recording(pairs, side, metric) for side in (0, 1)]

        def value(chosen: NDArray[np.int64]) -> float:
            return _mean_difference(
                [_mean_of(side[k][chosen]) for side in means] for k in range(len(means[0]))
            )

    low = high = None
    if number > 1:
        drawn = np.random.default_rng(seed).integers(0, number, (draws, number))
        found = np.array([value(chosen) for chosen in drawn])
        tail = 100 * (1 - CONFIDENCE) / 2
        low, high = (float(each) for each in np.nanpercentile(found, (tail, 100 - tail)))
    whole = value(np.arange(number))
    return Difference(whole, low, high, number, pairs.left_out, by, pairs.notes)


def _counts(pairs: Pairs, side: int) -> list[NDArray[np.int64]]:
    return [confusions(each[side], pairs.recordings) for each in pairs.replicates if each[side]]


def _of_pooled(of_counts: OfCounts, weights: NDArray[np.int64], counts: NDArray[np.int64]) -> float:
    pooled = np.tensordot(weights, counts, axes=1)
    return of_counts(pooled) if pooled.any() else np.nan


def _by_recording(pairs: Pairs, side: int, metric: str) -> list[NDArray[np.float64]]:
    """Return of each seed a score a recording; a recording of several stretches has their mean, by frames."""
    return [_means(each[side], pairs.recordings, metric) for each in pairs.replicates if each[side]]


def _means(stretches: Sequence[Stretch], recordings: Sequence[str], metric: str) -> NDArray[np.float64]:
    place = {name: number for number, name in enumerate(recordings)}
    total, frames = np.zeros(len(recordings)), np.zeros(len(recordings))
    for each in stretches:
        if metric not in each.scores:
            raise NotComparableError(f"{metric} does not follow from counts, and {each.recording} has none")
        length = each.stop - each.start
        total[place[each.recording]] += each.scores[metric] * length
        frames[place[each.recording]] += length
    return np.where(frames > 0, total / np.maximum(frames, 1), np.nan)


def _mean_of(values: NDArray[np.float64]) -> float:
    there = values[~np.isnan(values)]
    return float(there.mean()) if len(there) else np.nan


def _mean_difference(pairs: object) -> float:
    differences = [one - other for one, other in pairs if not np.isnan(one - other)]  # type: ignore[attr-defined]
    return float(np.mean(differences)) if differences else np.nan
