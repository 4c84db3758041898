"""Thresholds: what is added to each class's log-odds before frames are decided."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mabe_core import DataShape, FittingContext, PostProcessing

from . import Fitted, ThresholdsConfig
from .choosing import LEAST_GAIN, Probabilities, f1_of, from_log_odds, hits, log_odds

STEPS = 41
# rounds over the classes: the last ones change little
ROUNDS = 4


def fit(config: ThresholdsConfig, context: FittingContext) -> Fitted:
    """Return {"added": [a number a class]}, what moves each class's log-odds.

    Where classes exclude each other their F1 depend on one another: one class after the other is moved to
    where macro-F1 is best, the others held, for some rounds.
    """
    exclusive = context.data.exclusive
    scores = np.concatenate([log_odds(each.probability, exclusive=exclusive) for each in context.scored])
    truth = np.concatenate([each.truth for each in context.scored])
    labelled = (truth >= 0).any(axis=1)
    scores, truth = scores[labelled], truth[labelled]
    tried = np.linspace(-config.largest, config.largest, STEPS)
    added = np.zeros(context.data.num_classes)
    for _ in range(ROUNDS if exclusive else 1):
        before = added.copy()
        for column in range(len(added)):
            added[column] = _best(scores, truth, added, column, tried, exclusive)
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


def _best(
    scores: NDArray[np.float64],
    truth: NDArray[np.int8],
    added: NDArray[np.float64],
    column: int,
    tried: NDArray[np.float64],
    exclusive: bool,
) -> float:
    """Return what is best added to one class, the others held; nearest to what it was among equals."""
    if not exclusive:
        scores, truth, added = scores[:, [column]], truth[:, [column]], added[[column]]
        column = 0
    moved = scores + added
    others = np.delete(moved, column, axis=1)
    highest = others.max(axis=1) if exclusive else np.zeros(len(scores))
    second = others.argmax(axis=1) if exclusive else None
    candidates = sorted({added[column], *tried}, key=lambda value: abs(value - added[column]))
    best, found = float(added[column]), -1.0
    for value in candidates:
        mine = scores[:, column] + value > highest
        predicted = np.zeros(truth.shape, dtype=np.bool_)
        if second is not None:
            predicted[np.arange(len(truth)), second + (second >= column)] = ~mine
        predicted[:, column] = mine
        score = float(f1_of(hits(truth, predicted)).mean())
        if score > found + LEAST_GAIN:
            best, found = float(value), score
    return best
