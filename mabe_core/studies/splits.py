"""Splits the data of members before any of them is started, so that what cannot be split is told at once."""

from __future__ import annotations

import json
from collections.abc import Sequence

import attrs

from mabe_core.configs.fields import plain
from mabe_core.data.windows import WindowShape
from mabe_core.errors import Problem, UserError
from mabe_core.exchange import DataAccess, Dataset, SplitContext
from mabe_core.studies.expansion import MemberExperiment
from mabe_core.training.blame import blame, build_at
from mabe_core.training.checks import check_partition
from mabe_core.training.reading import read_dataset

MOST_PROBLEMS = 20


def check_splits(members: Sequence[MemberExperiment], access: DataAccess) -> None:
    """Read the data of members and split it; raise UserError with what is wrong, each fault told once.

    Members that ask for the same of the same data are looked at once.
    """
    by_data: dict[str, list[MemberExperiment]] = {}
    for member in members:
        by_data.setdefault(_asked(plain(member.experiment.data.dataset)), []).append(member)
    problems: dict[Problem, None] = {}
    for alike in by_data.values():
        try:
            dataset = read_dataset(alike[0].experiment, access)
        except UserError as error:
            problems.update(dict.fromkeys(_located(alike[0], error)))
            continue
        for member in {_split_of(member): member for member in reversed(alike)}.values():
            try:
                _split(member, dataset)
            except UserError as error:
                problems.update(dict.fromkeys(_located(member, error)))
    if problems:
        raise UserError(list(problems)[:MOST_PROBLEMS])


def _split(member: MemberExperiment, dataset: Dataset) -> None:
    experiment = member.experiment
    span = WindowShape(experiment.data.sequence_length, experiment.data.frame_gap).span
    split = build_at("data.split", experiment.data.split)
    with blame("data.split", experiment.data.split):
        partition = split(dataset.recordings, SplitContext(span, experiment.seed, dataset.classes))
    check_partition(experiment, dataset, partition)


def _split_of(member: MemberExperiment) -> str:
    """Return what decides how data is split, as text."""
    data, seed = member.experiment.data, member.experiment.seed
    return _asked([plain(data.split), seed, data.sequence_length, data.frame_gap])


def _asked(what: object) -> str:
    return json.dumps(what, sort_keys=True)


def _located(member: MemberExperiment, error: UserError) -> list[Problem]:
    """Return problems with the lines of the study's file that they are of."""
    return [
        problem
        if problem.location or not problem.path
        else attrs.evolve(problem, location=member.document.location(tuple(problem.path.split("."))))
        for problem in error.problems
    ]
