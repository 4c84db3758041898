"""The scores of a study: pooled over folds, mean and spread over seeds, one row a setting."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from mabe_core.exchange import DataShape
from mabe_core.inference.evaluating import Evaluated
from mabe_core.inference.loading import read_experiment
from mabe_core.models.finding import ModelSource
from mabe_core.runs.study import Study
from mabe_core.training.evaluation import Metrics

# what scores are spread over, and what is pooled
SEED, FOLD = "seed", "data.split.fold"


@attrs.frozen
class Spread:
    """Mean and sample standard deviation of n values; sd None of a single one."""

    mean: float
    sd: float | None
    n: int


@attrs.frozen
class SettingScores:
    """The scores of the members that differ in seed and fold alone.

    values: metric → one score a seed, over the frames of all its folds together. folds: how many were pooled.
    """

    settings: dict[str, Any]
    members: int
    folds: int
    values: dict[str, list[float]]

    @property
    def spread(self) -> dict[str, Spread]:
        """Return each metric's spread over seeds."""
        return {name: _spread(values) for name, values in self.values.items()}


@attrs.frozen
class MemberScores:
    """One member that was evaluated."""

    settings: Mapping[str, Any]
    source: ModelSource
    evaluated: Evaluated


def by_setting(study: Study, members: Sequence[MemberScores]) -> list[SettingScores]:
    """Return one entry a setting, in the study's order."""
    axes = [axis for axis in study.axes if axis not in (SEED, FOLD)]
    groups: dict[str, list[MemberScores]] = {}
    for member in members:
        groups.setdefault(repr([member.settings.get(axis) for axis in axes]), []).append(member)
    return [_setting(axes, group) for group in groups.values()]


def _setting(axes: Sequence[str], members: Sequence[MemberScores]) -> SettingScores:
    seeds: dict[Any, list[Evaluated]] = {}
    for member in members:
        seeds.setdefault(member.settings.get(SEED), []).append(member.evaluated)
    metrics = metrics_of(members[0])
    values: dict[str, list[float]] = {}
    for folds in seeds.values():
        for name, value in _over_folds(metrics, folds).items():
            values.setdefault(name, []).append(value)
    return SettingScores(
        settings={axis: members[0].settings.get(axis) for axis in axes},
        members=len(members),
        folds=len({repr(member.settings.get(FOLD)) for member in members}),
        values=values,
    )


def _over_folds(metrics: Metrics, folds: Sequence[Evaluated]) -> dict[str, float]:
    """Return the scores of all folds' counts together; of what needs more than counts, the folds' mean."""
    stretches = [stretch for fold in folds for stretch in fold.stretches]
    together = metrics.of(stretches, float("nan"), None)
    means = {name: statistics.fmean(fold.scores[name] for fold in folds) for name in folds[0].scores}
    return means | together


def metrics_of(member: MemberScores) -> Metrics:
    """Return the metrics of a member's experiment."""
    experiment, _ = read_experiment(member.source)
    data, classes = experiment.data, member.evaluated.classes
    exclusive = all(stretch.confusion is not None for stretch in member.evaluated.stretches)
    shape = DataShape(
        data.input_dim or 1,
        len(classes),
        classes,
        data.sequence_length,
        data.frame_gap,
        exclusive=exclusive,
    )
    return Metrics.build(experiment, shape)


def _spread(values: Sequence[float]) -> Spread:
    sd = statistics.stdev(values) if len(values) > 1 else None
    return Spread(statistics.fmean(values), sd, len(values))
