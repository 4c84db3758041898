"""Scores computed from the confusion matrix: accuracy and F1."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import attrs

from mabe_core import DataShape, Evaluation

Metric = Callable[[Evaluation], Mapping[str, float]]


@attrs.frozen
class AccuracyConfig:
    """Share of labelled frames whose class is right; no score where a frame may have several classes."""


def build_accuracy(_: AccuracyConfig, __: DataShape) -> Metric:
    """Build `accuracy`."""

    def accuracy(evaluation: Evaluation) -> Mapping[str, float]:
        confusion = evaluation.confusion
        if confusion is None:
            return {}
        return {"accuracy": float(confusion.trace() / max(confusion.sum(), 1))}

    return accuracy


def f1(names: Sequence[str], counted: Sequence[int]) -> Metric:
    """Return `macro_f1`, over the classes that count, and one `f1_<class>` a class.

    As scikit-learn's f1_score(labels=counted, average="macro", zero_division=0): 2 TP over (2 TP + FP + FN),
    0 where that is 0 / 0.
    """

    def scores(evaluation: Evaluation) -> Mapping[str, float]:
        hits, false, missed = evaluation.counts.T
        each = 2.0 * hits / (2 * hits + false + missed).clip(min=1)
        by_class = {f"f1_{name}": float(score) for name, score in zip(names, each, strict=True)}
        return {"macro_f1": float(each[list(counted)].mean()), **by_class}

    return scores
