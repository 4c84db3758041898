"""From a study's file to its experiments: each resolved, with an id of its own."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from mabe_core.errors import Location, Problem, UserError
from mabe_core.experiment import Document, Experiment, resolve
from mabe_core.experiment.compose import with_value
from mabe_core.experiment.node import Node
from mabe_core.registry import Registry
from mabe_core.runs.identity import experiment_id
from mabe_core.runs.settings import settings_text
from mabe_core.studies.axes import Plan, node_at, plan

MOST_PROBLEMS = 20


@attrs.frozen(eq=False)
class MemberExperiment:
    """One experiment of a study. settings: by dotted key, in the order of the axes, what makes it differ."""

    id: str
    settings: Mapping[str, Any]
    document: Document
    experiment: Experiment

    @property
    def label(self) -> str:
        """The settings on one line."""
        return settings_text(self.settings)


@attrs.frozen(eq=False)
class StudyFile:
    """A study as it was written, its base resolved."""

    document: Document
    experiment: Experiment
    registry: Registry
    plan: Plan

    @property
    def axes(self) -> list[str]:
        """The dotted keys that members differ by."""
        sample = self.experiment.study.sample if self.experiment.study else None
        return [*(sample.drawn if sample else ()), *(axis.key for axis in self.plan.axes)]

    @property
    def samples(self) -> bool:
        """Whether there is a space that trials are drawn from."""
        return bool(self.experiment.study and self.experiment.study.sample)

    def members(self, drawn: Mapping[str, Node] | None = None) -> tuple[MemberExperiment, ...]:
        """Return the experiments, those of one trial where `drawn` says what was sampled.

        Raises UserError with all that is wrong, each where it was written, and where two are the same.
        """
        drawn = drawn or {}
        root = self.document.root
        base = attrs.evolve(root, value={key: node for key, node in root.entries.items() if key != "study"})
        found: dict[str, MemberExperiment] = {}
        problems: dict[Problem, None] = {}
        for values in itertools.product(*(axis.values for axis in self.plan.axes)):
            chosen = {
                **drawn,
                **{axis.key: value for axis, value in zip(self.plan.axes, values, strict=True)},
            }
            try:
                member = self._member(base, chosen)
            except UserError as error:
                problems.update(dict.fromkeys(error.problems))
                if len(problems) >= MOST_PROBLEMS:
                    break
                continue
            if member.id in found:
                problems[self._twice(found[member.id], member)] = None
                break  # many more are alike, for the same reason
            found[member.id] = member
        if problems:
            raise UserError(list(problems)[:MOST_PROBLEMS])
        return tuple(found.values())

    def _member(self, base: Node, chosen: Mapping[str, Node]) -> MemberExperiment:
        root = base
        for key, value in (*self.plan.fixed, *chosen.items()):
            root = with_value(root, key, value)
        document = attrs.evolve(self.document, root=root)
        experiment = resolve(document, self.registry)
        settings = {key: value.plain() for key, value in chosen.items()}
        return MemberExperiment(experiment_id(experiment, self.registry), settings, document, experiment)

    def _twice(self, one: MemberExperiment, other: MemberExperiment) -> Problem:
        differing = [key for key, value in other.settings.items() if one.settings[key] != value]
        path = ("study", "grid", differing[0]) if len(differing) == 1 else ("study",)
        said = [settings_text({key: each.settings[key] for key in differing}) for each in (one, other)]
        message = f"{said[0]} and {said[1]} are the same experiment, {one.id}: leave one out."
        return self.document.problem(path, message)


def study_file(document: Document, registry: Registry) -> StudyFile:
    """Resolve a study's file as far as its members have in common.

    Raises UserError as `resolve` does, and with what is wrong with the study.
    """
    experiment = resolve(document, registry)
    return StudyFile(document, experiment, registry, plan(document, experiment, registry))


def study_id(study: StudyFile, members: Iterable[MemberExperiment]) -> str:
    """Return `name-` and 10 hex digits of a SHA-256 over the members' ids, and the space that is sampled.

    The number of trials is not in it: trying more goes on with the same study.
    """
    made_of: dict[str, Any] = {"members": sorted(member.id for member in members)}
    if study.experiment.study and study.experiment.study.sample:
        sample = node_at(study.document, "sample").plain()
        made_of["sample"] = {key: value for key, value in sample.items() if key != "trials"}
        space = made_of["sample"]["space"]
        made_of["sample"]["space"] = {key: value for key, value in space.items() if value is not None}
    canonical = json.dumps(made_of, sort_keys=True, separators=(",", ":"))
    return f"{study.experiment.name}-{hashlib.sha256(canonical.encode()).hexdigest()[:10]}"


def refuse_overridden(study: StudyFile, settings: Iterable[str]) -> None:
    """Raise UserError where `--set` sets what the study varies, which would be for nothing."""
    varied = {*study.axes, *(key for key, _ in study.plan.fixed)}
    problems = [
        Problem(f"the study sets {key}, in all its experiments.", Location(f"--set {setting}"))
        for setting in settings
        if (key := setting.partition("=")[0].strip()) in varied
    ]
    if problems:
        raise UserError(problems)
