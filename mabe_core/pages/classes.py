"""Precision, recall and F1 of each class with their spread over members, and the confusion they share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np

from mabe_core.pages.facts import Facts
from mabe_core.runs.spread import Spread

# names that data sets give to frames on which nothing of interest happens
_NO_BEHAVIOUR = frozenset({"other", "background", "none", "no behaviour", "no behavior"})


@attrs.frozen
class ClassScores:
    """One class: counts of frames pooled over members, and scores, one value a member.

    A score of a member is None where it is 0 / 0: precision of what is never predicted, recall of what never
    occurs, F1 of neither.
    """

    name: str
    true_positives: int
    false_positives: int
    false_negatives: int
    precision: Spread | None
    recall: Spread | None
    f1: Spread | None

    @property
    def annotated(self) -> int:
        """The labelled frames that are of this class."""
        return self.true_positives + self.false_negatives


@attrs.frozen
class Confusion:
    """Labelled frames by (truth, prediction), pooled over members; shares of each row, None where it is 0."""

    classes: list[str]
    counts: list[list[int]]
    shares: list[list[float | None]]


def is_behaviour(name: str) -> bool:
    """Tell whether a class is a behaviour, by its name, and not the absence of all."""
    return name.lower() not in _NO_BEHAVIOUR


def held_out_counts(member: Facts) -> dict[str, tuple[int, int, int]]:
    """Return of each class the true positives, false positives and false negatives of the held-out part."""
    scores = member.scores
    if scores is None or not scores.stretches.get(scores.held_out):
        return {}
    total = np.sum([stretch.counts for stretch in scores.stretches[scores.held_out]], axis=0)
    return {
        name: (int(row[0]), int(row[1]), int(row[2])) for name, row in zip(scores.classes, total, strict=True)
    }


def class_scores(members: Sequence[Facts]) -> tuple[ClassScores, ...]:
    """Return the scores of each class that a member knows, in the order of the classes."""
    found = [held_out_counts(member) for member in members]
    names = dict.fromkeys(name for each in found for name in each)
    return tuple(_of_class(name, [each[name] for each in found if name in each]) for name in names)


def confusion_of(members: Sequence[Facts]) -> Confusion | None:
    """Return the confusion; None where a frame may have several classes, or members differ in classes."""
    scored = [member.scores for member in members if member.scores is not None]
    matrices = [stretch.confusion for each in scored for stretch in each.stretches.get(each.held_out, ())]
    classes = {tuple(each.classes) for each in scored}
    whole = [matrix for matrix in matrices if matrix is not None]
    if len(classes) != 1 or not whole or len(whole) != len(matrices):
        return None
    counts = np.sum(whole, axis=0).tolist()
    shares = [[cell / sum(row) if sum(row) else None for cell in row] for row in counts]
    return Confusion(list(classes.pop()), counts, shares)


def _of_class(name: str, counts: Sequence[tuple[int, int, int]]) -> ClassScores:
    hits, false, missed = (sum(each[place] for each in counts) for place in range(3))
    return ClassScores(
        name=name,
        true_positives=hits,
        false_positives=false,
        false_negatives=missed,
        precision=Spread.of(_ratio(tp, tp + fp) for tp, fp, _ in counts),
        recall=Spread.of(_ratio(tp, tp + fn) for tp, _, fn in counts),
        f1=Spread.of(_ratio(2 * tp, 2 * tp + fp + fn) for tp, fp, fn in counts),
    )


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def as_dict(each: ClassScores) -> dict[str, Any]:
    """Return it as what JSON can hold."""
    plain = attrs.asdict(each, recurse=False)
    return {name: value.as_dict() if isinstance(value, Spread) else value for name, value in plain.items()}
