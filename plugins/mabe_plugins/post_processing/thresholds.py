"""Thresholds: what is added to each class's log-odds before frames are decided."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mabe_core import DataShape, FittingContext, PostProcessing

from . import Fitted, ThresholdsConfig
from .choosing import Probabilities, f1_of, first_of_best, from_log_odds, log_odds

STEPS = 41
# rounds over the classes: the last ones change little
ROUNDS = 4

Array = NDArray[np.float64]


def fit(config: ThresholdsConfig, context: FittingContext) -> Fitted:
    """Return {"added": [a number a class]}, what moves each class's log-odds.

    Where classes exclude each other their F1 depend on one another: one class after the other is moved to
    where macro-F1 is best, the others held, for some rounds.
    """
    exclusive = context.data.exclusive
    scores = np.concatenate([log_odds(each.probability, exclusive=exclusive) for each in context.scored])
    truth = np.concatenate([each.truth for each in context.scored])
    tried = np.linspace(-config.largest, config.largest, STEPS)
    added = np.zeros(context.data.num_classes)
    for _ in range(ROUNDS if exclusive else 1):
        before = added.copy()
        for column in range(len(added)):
            # what moves the class least comes first, and wins among those that are about as good
            order = np.argsort(abs(tried - added[column]), kind="stable")
            if exclusive:
                found = _macro_f1(scores + added * (np.arange(len(added)) != column), truth, column, tried)
            else:
                found = _f1(scores[:, column], truth[:, column], tried)
            added[column] = tried[order[first_of_best(found[order].tolist())]]
        if np.array_equal(added, before):
            break
    return {"added": added.tolist()}


def build(data: DataShape, fitted: Fitted) -> PostProcessing:
    """Build the map."""
    added = np.asarray(fitted["added"], dtype=np.float64)

    def moved(probability: Probabilities, _: float) -> Probabilities:
        scores = log_odds(probability, exclusive=data.exclusive) + added
        return from_log_odds(scores, probability, exclusive=data.exclusive)

    return moved


def _f1(scores: Array, truth: NDArray[np.int8], tried: Array) -> Array:
    """Return F1 of one class by what is added to its log-odds (frames,); tried in order."""
    present, absent = (_cumulative(-scores[truth == value], tried) for value in (1, 0))
    return f1_of(np.stack([present[:-1], absent[:-1], present[-1] - present[:-1]]))


def _macro_f1(scores: Array, truth: NDArray[np.int8], column: int, tried: Array) -> Array:
    """Return macro-F1 by what is added to one class's log-probability (frames, classes); tried in order.

    A frame goes to the class where more is added than it lacks; else to the best of the others.
    """
    others = np.delete(np.arange(scores.shape[1]), column)
    best = others[scores[:, others].argmax(axis=1)]
    lacks = scores[np.arange(len(scores)), best] - scores[:, column]
    each = [_f1(-lacks, truth[:, column], tried)]
    for other in others:
        wins, marked = best == other, truth[:, other]
        right, false = (_cumulative(lacks[wins & (marked == value)], tried) for value in (1, 0))
        kept_right, kept_false = right[-1] - right[:-1], false[-1] - false[:-1]
        each.append(f1_of(np.stack([kept_right, kept_false, (marked == 1).sum() - kept_right])))
    mean: Array = np.mean(each, axis=0)
    return mean


def _cumulative(lacks: Array, tried: Array) -> NDArray[np.int64]:
    """Return how many lack less than each value that is tried, and how many there are in all."""
    first = np.searchsorted(tried, lacks, side="right")
    return np.bincount(first, minlength=len(tried) + 1).cumsum()
