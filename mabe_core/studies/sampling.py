"""Draws the settings of a sampled study's trials by Optuna, so that a resumed study draws the same.

Each trial is drawn by a sampler of its own, seeded by the study's seed and the trial's number, which is told
all earlier trials that have ended. So no state but the trials themselves has to be kept.
"""

from __future__ import annotations

import hashlib
import importlib
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from mabe_core.errors import Problem, UserError
from mabe_core.experiment import Experiment
from mabe_core.experiment.node import Node
from mabe_core.experiment.study import Range, Sample
from mabe_core.runs.study import Trial
from mabe_core.studies.axes import items_at, node_at
from mabe_core.studies.expansion import MemberExperiment, StudyFile


@attrs.frozen(eq=False)
class Space:
    """What trials are drawn from. ranges: numbers by key; choices: nodes by key, drawn by their place."""

    sample: Sample
    lower_is_better: bool
    ranges: Mapping[str, Range]
    choices: Mapping[str, tuple[Node, ...]]
    places: Mapping[str, Node]

    def draw(self, number: int, earlier: Sequence[Trial]) -> dict[str, Node]:
        """Return the settings of trial `number`, given those before it.

        Trials that have not ended, or failed, tell the sampler nothing.
        """
        optuna = _optuna()
        digest = hashlib.sha256(f"trial {self.sample.seed} {number}".encode()).digest()
        seed = int.from_bytes(digest[:4], "big")
        samplers = optuna.samplers
        made = samplers.RandomSampler if self.sample.sampler == "random" else samplers.TPESampler
        study = optuna.create_study(
            sampler=made(seed=seed), direction="minimize" if self.lower_is_better else "maximize"
        )
        distributions = {
            key: self._distribution(optuna.distributions, key) for key in (*self.ranges, *self.choices)
        }
        for trial in earlier:
            if trial.value is not None:
                params = {key: self._drawn(key, trial.settings[key]) for key in distributions}
                study.add_trial(
                    optuna.trial.create_trial(params=params, distributions=distributions, value=trial.value)
                )
        asked = study.ask(distributions)
        return {key: self._node(key, asked.params[key]) for key in self.sample.drawn}

    def corners(self) -> Iterator[dict[str, Node]]:
        """Yield settings in which each end of each range, and each choice, occurs: what has to be valid."""
        every = {
            **{key: [self._node(key, value) for value in (r.low, r.high)] for key, r in self.ranges.items()},
            **self.choices,
        }
        for number in range(max(map(len, every.values()))):
            yield {key: every[key][number % len(every[key])] for key in self.sample.drawn}

    def _distribution(self, distributions: Any, key: str) -> Any:
        if key in self.choices:
            return distributions.CategoricalDistribution(tuple(range(len(self.choices[key]))))
        found = self.ranges[key]
        if _is_whole(found):
            return distributions.IntDistribution(found.low, found.high, log=found.log)
        return distributions.FloatDistribution(float(found.low), float(found.high), log=found.log)

    def _node(self, key: str, drawn: Any) -> Node:
        if key in self.choices and isinstance(drawn, int):
            return self.choices[key][drawn]
        return attrs.evolve(self.places[key], value=drawn)

    def nodes(self, settings: Mapping[str, Any]) -> dict[str, Node]:
        """Return the settings of a trial as if they had just been drawn."""
        return {key: self._node(key, self._drawn(key, value)) for key, value in settings.items()}

    def _drawn(self, key: str, value: Any) -> Any:
        """Return what the sampler drew for a value: of a choice its place."""
        if key in self.ranges:
            return value
        return [node.plain() for node in self.choices[key]].index(value)


def space(study: StudyFile) -> Space:
    """Return the space that a study samples, checked.

    Raises UserError with what is wrong with it, and where Optuna is not installed.
    """
    sample = study.experiment.study.sample if study.experiment.study else None
    assert sample is not None, "the study samples"
    problems = list(_faults(study, sample))
    if problems:
        raise UserError(problems)
    _optuna()
    found = Space(
        sample=sample,
        lower_is_better=study.experiment.training.monitor in lower_is_better(study.experiment),
        ranges={key: value for key, value in sample.drawn.items() if isinstance(value, Range)},
        choices={
            key: items_at(study.document, "sample", "space", key)
            for key, value in sample.drawn.items()
            if not isinstance(value, Range)
        },
        places={key: node_at(study.document, "sample", "space", key) for key in sample.drawn},
    )
    for settings in found.corners():
        study.members(settings)
    return found


def lower_is_better(experiment: Experiment) -> frozenset[str]:
    """Return the scores that are errors."""
    specs = [component.spec for component in experiment.metrics if component.spec is not None]
    return frozenset({"loss"}).union(*(spec.lower_is_better for spec in specs))


def settled(trial: Trial, scores: Sequence[float | None]) -> Trial:
    """Return a trial that has ended, by its members' best scores; one without a score fails it."""
    known = [score for score in scores if score is not None and not math.isnan(score)]
    if len(known) < len(scores):
        return attrs.evolve(trial, state="failed", value=None)
    return attrs.evolve(trial, state="finished", value=math.fsum(known) / len(known))


def drawn_trial(number: int, settings: Mapping[str, Node], members: Sequence[MemberExperiment]) -> Trial:
    """Return a trial that begins."""
    plain = {key: node.plain() for key, node in settings.items()}
    return Trial(number=number, settings=plain, members=[member.id for member in members])


def _is_whole(found: Range) -> bool:
    return isinstance(found.low, int) and isinstance(found.high, int)


def _faults(study: StudyFile, sample: Sample) -> Iterator[Problem]:
    for key, value in sample.drawn.items():
        path = ("study", "sample", "space", key)
        if not isinstance(value, Range):
            if not value:
                yield study.document.problem(path, "has no choices: list them.")
        elif not (math.isfinite(value.low) and math.isfinite(value.high)):
            yield study.document.problem(path, "`low` and `high` have to be finite.")
        elif value.low >= value.high:
            yield study.document.problem(path, f"`low` is {value.low}: it has to be below `high`.")
        elif value.log and value.low <= 0:
            yield study.document.problem(path, f"with `log`, `low` has to be above 0, not {value.low}.")


def _optuna() -> Any:
    try:
        optuna = importlib.import_module("optuna")
    except ModuleNotFoundError as error:
        if error.name != "optuna":
            raise
        raise UserError("a study that samples needs Optuna: `pip install 'mabe-core[sample]'`") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
