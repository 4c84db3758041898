"""The scores of a study: pooled over folds, mean and spread over seeds, one row a setting."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from mabe_core.exchange import DataShape
from mabe_core.inference.evaluating import Evaluated
from mabe_core.models.building import read_experiment
from mabe_core.models.finding import ModelSource
from mabe_core.runs.settings import FOLD, SEED, by_setting, setting_of
from mabe_core.runs.spread import Spread
from mabe_core.training.evaluation import Metrics


@attrs.frozen
class SettingScores:
    """The scores of the members that differ in seed and fold alone.

    spread: of each metric, over seeds, one value a seed over the frames of all its folds together.
    folds: how many were pooled.
    """

    settings: dict[str, Any]
    members: int
    folds: int
    spread: dict[str, Spread]


@attrs.frozen
class MemberScores:
    """One member that was evaluated."""

    settings: Mapping[str, Any]
    source: ModelSource
    evaluated: Evaluated


def setting_scores(members: Sequence[MemberScores]) -> list[SettingScores]:
    """Return one entry a setting, in the study's order."""
    return [_setting(alike) for alike in by_setting(members, lambda member: member.settings)]


def _setting(members: Sequence[MemberScores]) -> SettingScores:
    seeds: dict[Any, list[Evaluated]] = {}
    for member in members:
        seeds.setdefault(member.settings.get(SEED), []).append(member.evaluated)
    metrics = metrics_of(members[0])
    scores = [_over_folds(metrics, folds) for folds in seeds.values()]
    found = {name: Spread.of(each.get(name) for each in scores) for each in scores for name in each}
    return SettingScores(
        settings=setting_of(members[0].settings),
        members=len(members),
        folds=len({repr(member.settings.get(FOLD)) for member in members}),
        spread={name: spread for name, spread in found.items() if spread is not None},
    )


def _over_folds(metrics: Metrics, folds: Sequence[Evaluated]) -> dict[str, float]:
    """Return the scores of all folds' counts together; of what needs more than counts, the folds' mean."""
    stretches = [stretch for fold in folds for stretch in fold.stretches]
    together = metrics.of(stretches, float("nan"), None)
    names = [name for name in folds[0].scores if all(name in fold.scores for fold in folds)]
    means = {name: statistics.fmean(fold.scores[name] for fold in folds) for name in names}
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
