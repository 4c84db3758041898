"""Metrics computed from the confusion matrix: `accuracy` and `f1`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs

from mabe_core import DataShape, Evaluation, MetricSpec, hookimpl

Metric = Callable[[Evaluation], Mapping[str, float]]


@attrs.frozen
class AccuracyConfig:
    """Share of labelled frames whose class is right."""


@attrs.frozen
class F1Config:
    """F1 of each class, and macro-F1: their mean over all classes, a class that never occurs counting 0."""


def build_accuracy(_: AccuracyConfig, __: DataShape) -> Metric:
    """Build `accuracy`."""

    def accuracy(evaluation: Evaluation) -> Mapping[str, float]:
        confusion = evaluation.confusion
        return {"accuracy": float(confusion.trace() / max(confusion.sum(), 1))}

    return accuracy


def build_f1(_: F1Config, data: DataShape) -> Metric:
    """Build `macro_f1` and one `f1_<class>` a class.

    As scikit-learn's f1_score(labels=range(classes), average="macro", zero_division=0): 2 TP over
    (2 TP + FP + FN), 0 where that is 0 / 0.
    """

    def f1(evaluation: Evaluation) -> Mapping[str, float]:
        confusion = evaluation.confusion
        marked_or_found = confusion.sum(axis=0) + confusion.sum(axis=1)
        scores = 2.0 * confusion.diagonal() / marked_or_found.clip(min=1)
        by_class = {f"f1_{name}": float(score) for name, score in zip(data.class_names, scores, strict=True)}
        return {"macro_f1": float(scores.mean()), **by_class}

    return f1


@hookimpl
def mabe_metrics() -> list[MetricSpec[AccuracyConfig] | MetricSpec[F1Config]]:
    return [
        MetricSpec(name="accuracy", config=AccuracyConfig, build=build_accuracy),
        MetricSpec(name="f1", config=F1Config, build=build_f1),
    ]
