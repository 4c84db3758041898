"""Which row validation chooses, and the score that whoever trusts it gets on what was held out."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import attrs

from mabe_core.comparing.groups import Group
from mabe_core.runs.choice import Choice, chosen
from mabe_core.runs.spread import Spread


@attrs.frozen(eq=False)
class ByValidation:
    """What validation chooses by `monitor`. spread: the held-out score of what it chose, over its runs."""

    choice: Choice
    monitor: str
    spread: Spread


def by_validation(groups: Sequence[Group], metric: str, errors: Collection[str]) -> ByValidation | None:
    """Return what validation chooses among rows; errors: the scores of which less is better.

    None where a row is not scored on a test part, or rows monitor different scores: then there is nothing
    to choose by, or nothing that the choice did not see.
    """
    runs = [run for group in groups for run in group.runs]
    monitors = {run.record.monitor for run in runs}
    if len(monitors) != 1 or any(run.part != "test" for run in runs):
        return None
    (monitor,) = monitors
    choice = chosen(
        [group.runs for group in groups],
        lambda run: run.record.best,
        fold_of=lambda run: run.fold,
        lower_is_better=monitor in errors,
    )
    if choice is None:
        return None
    spread = Spread.of(
        run.scores.get(metric)
        for fold, row in choice.rows.items()
        for run in groups[row].runs
        if run.fold == fold
    )
    return ByValidation(choice, monitor, spread) if spread is not None else None
