"""A metric as a function of counts alone: the experiment's own component, where it asks for nothing else."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from mabe_core.comparing.tried import Tried
from mabe_core.errors import UserError
from mabe_core.exchange import DataShape, Evaluation
from mabe_core.experiment import Experiment, read_document, resolve
from mabe_core.experiment.plugins import plugins_of
from mabe_core.runs.scores import Scores
from mabe_core.training.blame import blame, build_at

OfCounts = Callable[[NDArray[np.int64]], float]
# a score that was computed from float32 counts elsewhere is still the same score
TOLERANCE = 1e-6


@attrs.frozen(eq=False)
class Metrics:
    """The metric components of a run's experiment. lower_is_better: the scores that are errors."""

    of_counts: Mapping[str, OfCounts]
    lower_is_better: frozenset[str]


def metrics_of(run: Tried) -> Metrics:
    """Return the scores of a run that follow from its confusion matrix, as functions of one.

    A score counts as such if its component, given the matrix alone, says what scores.json says; whatever
    looks at the loss does not. Raises UserError where the experiment can no longer be resolved.
    """
    document = read_document(run.run.experiment)
    experiment = resolve(document, plugins_of(document))
    errors = {name for each in experiment.metrics if each.spec for name in each.spec.lower_is_better}
    found = _of_counts(experiment, run.whole) if run.whole is not None else {}
    return Metrics(found, frozenset(errors | {"loss"}))


def pooled_confusion(scores: Scores) -> NDArray[np.int64] | None:
    """Return the confusion matrix of the whole held-out part; None where frames have several classes."""
    matrices = [each.confusion for each in scores.stretches.get(scores.held_out, ())]
    if not matrices or any(each is None for each in matrices):
        return None
    total: NDArray[np.int64] = np.sum(np.array(matrices, dtype=np.int64), axis=0)
    return total


def _of_counts(experiment: Experiment, scores: Scores) -> dict[str, OfCounts]:
    pooled = pooled_confusion(scores)
    if pooled is None:
        return {}
    shape = _shape(experiment, scores.classes)
    told = scores.pooled.get(scores.held_out, {})
    found: dict[str, OfCounts] = {}
    for component in experiment.metrics:
        try:
            metric = build_at("metrics", component, shape)
            with blame("metrics", component):
                names = dict(metric(Evaluation(pooled, math.nan, tuple(scores.classes))))
        except UserError:
            continue  # it needs more than counts
        for name, value in names.items():
            if name in told and math.isclose(value, told[name], rel_tol=TOLERANCE, abs_tol=TOLERANCE):
                found[name] = _one(metric, name, tuple(scores.classes))
    return found


def _one(metric: Callable[[Evaluation], Mapping[str, Any]], name: str, classes: tuple[str, ...]) -> OfCounts:
    return lambda confusion: float(metric(Evaluation(confusion, math.nan, classes))[name])


def _shape(experiment: Experiment, classes: Sequence[str]) -> DataShape:
    """Return the data's shape as far as metrics look at it: its classes."""
    return DataShape(
        input_dim=experiment.data.input_dim or 1,
        num_classes=len(classes),
        class_names=tuple(classes),
        sequence_length=experiment.data.sequence_length,
        frame_gap=experiment.data.frame_gap,
    )
