"""What fitting shares: macro-F1 over validation frames, and the best of several settings by it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mabe_core import FittingContext, PostProcessing

Setting = TypeVar("Setting")
Probabilities = NDArray[np.floating]

# macro-F1 by which a setting has to be better than one before it: less is the chance of which recordings
# validate, and would be paid for on others
LEAST_GAIN = 2e-3


def best_setting(
    settings: Sequence[Setting],
    context: FittingContext,
    build: Callable[[Setting], PostProcessing],
) -> Setting:
    """Return the setting of best macro-F1 on the validation frames, the first of equals."""
    if len(settings) == 1:
        return settings[0]
    found = [
        macro_f1(context, (build(setting)(each.probability, each.fps) for each in context.scored))
        for setting in settings
    ]
    return settings[first_of_best(found)]


def first_of_best(scores: Sequence[float]) -> int:
    """Return the place of the best score, the first of those that are about as good."""
    best = 0
    for place, score in enumerate(scores):
        if score > scores[best] + LEAST_GAIN:
            best = place
    return best


def macro_f1(context: FittingContext, probabilities: Iterable[Probabilities]) -> float:
    """Return the mean over classes of F1 over all labelled frames, 0 for a class that there is none of."""
    exclusive = context.data.exclusive
    counts = np.zeros((3, context.data.num_classes), dtype=np.int64)
    for each, probability in zip(context.scored, probabilities, strict=True):
        counts += hits(each.truth, decided(probability, exclusive=exclusive))
    return float(f1_of(counts).mean())


def hits(truth: NDArray[np.int8], predicted: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return true positives, false positives and false negatives of each class, (3, classes)."""
    present, absent = truth == 1, truth == 0
    each = (predicted & present, predicted & absent, ~predicted & present)
    return np.stack([frames.sum(axis=0) for frames in each])


def f1_of(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return F1 of true positives, false positives and false negatives, (3, …)."""
    right, false, missed = counts
    score: NDArray[np.float64] = 2.0 * right / np.maximum(2 * right + false + missed, 1)
    return score


def decided(probability: Probabilities, *, exclusive: bool) -> NDArray[np.bool_]:
    """Return which classes each frame is decided to be, (frames, classes)."""
    if not exclusive:
        return probability > 0.5
    most: NDArray[np.bool_] = probability.argmax(axis=1)[:, None] == np.arange(probability.shape[1])
    return most


def log_odds(probability: Probabilities, *, exclusive: bool) -> NDArray[np.float64]:
    """Return log-probabilities, or log-odds where classes do not exclude each other; float64, finite."""
    smallest = np.finfo(np.float32).tiny
    known = probability.astype(np.float64)
    logs: NDArray[np.float64] = np.log(known.clip(min=smallest))
    if exclusive:
        return logs
    logs -= np.log((1.0 - known).clip(min=smallest))
    return logs


def from_log_odds(scores: NDArray[np.float64], like: Probabilities, *, exclusive: bool) -> Probabilities:
    """Return the probabilities of log_odds, in the number format of `like`."""
    if exclusive:
        shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
        found = shifted / shifted.sum(axis=1, keepdims=True)
    else:
        found = 0.5 * (1.0 + np.tanh(scores / 2))
    same_format: Probabilities = found.astype(like.dtype)
    return same_format
