"""What a study varies: the dotted keys and the values that each takes, checked as they were written."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

import attrs

from mabe_core.errors import Problem, UserError
from mabe_core.experiment import Document, Experiment
from mabe_core.experiment.compose import steps_of
from mabe_core.experiment.node import Node
from mabe_core.experiment.study import MOST_MEMBERS, StudySection
from mabe_core.registry import Registry
from mabe_core.runs.settings import FOLD, SEED


@attrs.frozen(eq=False)
class Axis:
    """A dotted key and the values that it takes, each where it was written."""

    key: str
    values: tuple[Node, ...]


@attrs.frozen(eq=False)
class Plan:
    """What a study does with its base. fixed: what is set in all members alike; axes: what differs."""

    fixed: tuple[tuple[str, Node], ...]
    axes: tuple[Axis, ...]

    @property
    def size(self) -> int:
        """How many members there are, of each trial where the study samples."""
        return math.prod(len(axis.values) for axis in self.axes)


def plan(document: Document, experiment: Experiment, registry: Registry) -> Plan:
    """Return what the study varies; raise UserError with all that is wrong with it, each with its line."""
    study = experiment.study
    assert study is not None, "the experiment has a study"
    problems = [*_faults(document, study), *_fold_faults(document, experiment, registry)]
    if problems:
        raise UserError(problems)
    fixed, folds = _folds(document, study)
    found = Plan(fixed, (*_grid(document, study), *folds, *_seeds(document, study)))
    if found.size > MOST_MEMBERS:
        product = " × ".join(str(len(axis.values)) for axis in found.axes)
        message = f"{product} are {found.size} experiments; a study has at most {MOST_MEMBERS}."
        raise UserError(document.problem(("study",), message))
    return found


def node_at(document: Document, *path: str | int) -> Node:
    """Return what was written at a place of the study that is known to be there."""
    node = document.written(("study", *path))
    assert node is not None, "it was checked that this is there"
    return node


def items_at(document: Document, *path: str | int) -> tuple[Node, ...]:
    """Return the items of a list, each as if its key stood where the list's does."""
    node = node_at(document, *path)
    assert isinstance(node.value, list), "it was checked that this is a list"
    return tuple(attrs.evolve(item, key=node.key) for item in node.value)


def _grid(document: Document, study: StudySection) -> Iterator[Axis]:
    for key in study.axes:
        yield Axis(key, items_at(document, "grid", key))


def _seeds(document: Document, study: StudySection) -> Iterator[Axis]:
    if study.seeds:
        yield Axis(SEED, items_at(document, "seeds"))


def _folds(document: Document, study: StudySection) -> tuple[tuple[tuple[str, Node], ...], list[Axis]]:
    folds = study.fold_plan
    if folds is None:
        return (), []
    written = node_at(document, "folds")

    def said(value: str | int) -> Node:
        return attrs.evolve(written, value=value)

    fixed = [("data.split.folds", said(folds.number))]
    if folds.by is not None:
        fixed.append(("data.split.group_by", said(folds.by)))
    return tuple(fixed), [Axis(FOLD, tuple(said(number) for number in range(folds.number)))]


def _faults(document: Document, study: StudySection) -> Iterator[Problem]:
    drawn = study.sample.drawn if study.sample else {}
    varied = [*study.axes, *drawn]
    if not (varied or study.seeds or study.folds):
        message = "varies nothing: give it `seeds`, `folds`, a `grid` or a `sample`, or leave it out."
        yield document.problem(("study",), message)
    if study.sample and not drawn:
        yield document.problem(("study", "sample", "space"), "has no keys left: leave `sample` out too.")
    if study.seeds and len(set(study.seeds)) < len(study.seeds):
        yield document.problem(("study", "seeds"), "has the same seed twice.")
    if study.fold_plan and study.fold_plan.number > MOST_MEMBERS:
        message = f"{study.fold_plan.number} folds are more experiments than a study has: {MOST_MEMBERS}."
        yield document.problem(("study", "folds"), message)
    taken = {SEED: "`seeds`"} if study.seeds else {}
    if study.folds:
        taken |= {"data.split.folds": "`folds`", FOLD: "`folds`"}
        if study.fold_plan and study.fold_plan.by:
            taken["data.split.group_by"] = "`folds`"
    for key, values in study.axes.items():
        yield from _key_faults(document, ("study", "grid", key), key, taken)
        taken[key] = "the grid"
        written = [json.dumps(value, sort_keys=True) for value in values]
        if not values:
            yield document.problem(("study", "grid", key), "has no values: list those that it is to take.")
        for index, value in enumerate(written):
            if value in written[:index]:
                yield document.problem(("study", "grid", key, index), "is in the list twice.")
    for key in drawn:
        yield from _key_faults(document, ("study", "sample", "space", key), key, taken)


def _key_faults(
    document: Document, path: tuple[str, ...], key: str, taken: dict[str, str]
) -> Iterator[Problem]:
    steps = steps_of(key)
    if not all(steps):
        yield document.problem(path, "expects a dotted key, such as `optimizer.learning_rate`.")
    elif steps[0] in ("name", "extends", "study", "plugins"):
        yield document.problem(path, f"`{steps[0]}` is the same in all experiments of a study.")
    elif key in taken:
        yield document.problem(path, f"is varied already, by {taken[key]}: say it once.")


def _fold_faults(document: Document, experiment: Experiment, registry: Registry) -> Iterator[Problem]:
    folds = experiment.study.fold_plan if experiment.study else None
    spec = experiment.data.split.spec
    if folds is None or spec is None:
        return
    keys = attrs.fields_dict(spec.config).keys()
    if not {"folds", "fold"} <= keys:
        able = [
            offer.spec.name
            for offer in registry.usable()
            if offer.spec.kind == "split" and {"folds", "fold"} <= attrs.fields_dict(offer.spec.config).keys()
        ]
        others = " or ".join(f"`split: {name}`" for name in able) or "a split that does"
        message = f"the split {spec.name!r} makes no folds. Write {others} in `data`."
        yield document.problem(("study", "folds"), message)
    elif folds.by is not None and "group_by" not in keys:
        message = f"the split {spec.name!r} has no `group_by`: give the number of folds alone."
        yield document.problem(("study", "folds", "by"), message)
