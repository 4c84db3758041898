"""Which setting validation chooses: by scores that no held-out frame had a say in, in each fold by itself."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import attrs

Thing = TypeVar("Thing")


@attrs.frozen
class Choice:
    """What validation chooses among rows. rows: by fold, None where there are none, the number from 0."""

    rows: Mapping[Any, int]

    @property
    def row(self) -> int | None:
        """The one row that is chosen in all folds; None where they choose several."""
        found = set(self.rows.values())
        return found.pop() if len(found) == 1 else None


def chosen(
    rows: Sequence[Sequence[Thing]],
    score_of: Callable[[Thing], float | None],
    *,
    fold_of: Callable[[Thing], Any] = lambda _: None,
    lower_is_better: bool,
) -> Choice | None:
    """Return which row has the best mean of a score, among the runs of each fold.

    A fold's labels are inside the training part of other folds, so only its own runs have a say in it.
    None where there is nothing to choose, or a row lacks a score.
    """
    folds = {json.dumps(fold_of(thing)): fold_of(thing) for row in rows for thing in row}
    found = {}
    for fold in folds.values():
        means = [_mean([score_of(thing) for thing in row if fold_of(thing) == fold]) for row in rows]
        if len(rows) < 2 or any(mean is None for mean in means):
            return None
        known = [mean for mean in means if mean is not None]
        found[fold] = known.index((min if lower_is_better else max)(known))
    return Choice(found) if found else None


def _mean(scores: Sequence[float | None]) -> float | None:
    finite = [score for score in scores if score is not None and math.isfinite(score)]
    return statistics.fmean(finite) if finite and len(finite) == len(scores) else None
