"""The whole comparison: groups sorted by a score, each with its difference from one, and what to tell."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs

from mabe_core.comparing.bootstrap import DRAWS, Difference, difference
from mabe_core.comparing.chosen import ByValidation, by_validation
from mabe_core.comparing.counted import Metrics, OfCounts, metrics_of
from mabe_core.comparing.groups import Group, grouped, metric_names
from mabe_core.comparing.pairing import NotComparableError, pair
from mabe_core.comparing.tried import Tried, find_all
from mabe_core.errors import UserError, did_you_mean
from mabe_core.runs.identity import check_id_like

# below this many recordings a bootstrap over them says little
FEW = 5


@attrs.frozen(eq=False)
class Line:
    """A group of runs beside the group it is compared with; difference: a text where they cannot be."""

    group: Group
    difference: Difference | str | None


@attrs.frozen(eq=False)
class Compared:
    """Groups, best first. against: the line that others are compared with; chosen: whether a user chose it.

    metrics: the scores that are shown, the one that is sorted by first. by_validation: which rows validation
    chooses, where that can be told. notes: what is told beside them.
    """

    lines: tuple[Line, ...]
    against: int
    chosen: bool
    metrics: tuple[str, ...]
    lower_is_better: bool
    draws: int
    seed: int
    by_validation: ByValidation | None
    notes: tuple[str, ...]

    @property
    def metric(self) -> str:
        return self.metrics[0]


def compare_runs(
    runs_dir: Path,
    words: Sequence[str],
    *,
    metric: str | None = None,
    others: Sequence[str] | None = (),
    baseline: str | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> Compared:
    """Compare the runs and studies that ids, or beginnings of them, name.

    metric: what is sorted by and compared, by default what the runs monitor; others: further scores to show,
    None for all. baseline: id of a run whose group the others are compared with, by default the best.
    Raises UserError for ids and scores that there are none of.
    """
    runs, told = find_all(runs_dir, words)
    if not runs:
        raise UserError("; ".join([*told, "so there is nothing to compare"]))
    groups, partly = _settled(grouped(runs))
    names = metric_names(groups)
    metric = metric or runs[0].record.monitor or names[0]
    for name in (metric, *(others or ())):
        if name not in names:
            raise UserError(f"no run has a score named {name!r}.{did_you_mean(name, names)}")
    lost: list[str] = []
    metrics = {id(group): _metrics(group, lost) for group in groups}
    errors = frozenset[str]().union(*(each.lower_is_better for each in metrics.values()))
    lower = metric in errors
    groups.sort(key=lambda group: _rank(group, metric, lower))
    against = _best(groups) if baseline is None else _holding(groups, baseline)
    lines = []
    for number, group in enumerate(groups):
        sides = (group, groups[against])
        of_counts = [metrics[id(side)].of_counts.get(metric) for side in sides]
        same = of_counts[0] if all(of_counts) else None
        lines.append(
            Line(group, None if number == against else _difference(sides, metric, same, draws, seed))
        )
    comparable = not any(isinstance(line.difference, str) for line in lines)
    shown = dict.fromkeys([metric, *(names if others is None else others)])
    kept = [run for group in groups for run in group.runs]
    notes = [*told, *partly, *_of_runs(kept), *_of_differences(lines, metric, lost)]
    return Compared(
        lines=tuple(lines),
        against=against,
        chosen=baseline is not None,
        metrics=tuple(shown),
        lower_is_better=lower,
        draws=draws,
        seed=seed,
        by_validation=by_validation(groups, metric, errors) if comparable else None,
        notes=tuple(dict.fromkeys(notes)),
    )


def _settled(groups: Sequence[Group]) -> tuple[list[Group], list[str]]:
    """Leave out of each row the runs without scores a recording, where others of it have them."""
    settled, told = [], []
    for group in groups:
        whole = tuple(run for run in group.runs if run.whole is not None)
        lacking = [f"{run.run.id} ({run.state})" for run in group.runs if run.whole is None]
        if whole and lacking:
            told.append(f"left out, as they have no scores a recording yet: {listed(lacking)}")
            group = attrs.evolve(group, runs=whole)
        settled.append(group)
    return settled, told


def _best(groups: Sequence[Group]) -> int:
    """Return the first row that others can be compared with."""
    return next((k for k, group in enumerate(groups) if all(run.whole for run in group.runs)), 0)


def _metrics(group: Group, lost: list[str]) -> Metrics:
    """Return the metrics of a row; where plugins cannot be loaded, scores stay numbers, and why is told."""
    run = next((run for run in group.runs if run.whole is not None), group.runs[0])
    try:
        return metrics_of(run)
    except UserError as error:
        lost.append(f"the metrics of {run.run.id} cannot be computed: {error.problems[0]}")
        return Metrics({}, frozenset({"loss"}))


def _rank(group: Group, metric: str, lower: bool) -> tuple[bool, float]:
    spread = group.spread(metric)
    if spread is None or math.isnan(spread.mean):
        return True, 0.0
    return False, spread.mean if lower else -spread.mean


def _holding(groups: Sequence[Group], beginning: str) -> int:
    """Return which group has the run whose id begins so; raise UserError where none or several do."""
    check_id_like(beginning)
    ids = [run.run.id for group in groups for run in group.runs]
    found = {
        number
        for number, group in enumerate(groups)
        if any(run.run.id == beginning or run.run.id.startswith(beginning) for run in group.runs)
    }
    if not found:
        raise UserError(f"--baseline: none of these runs is {beginning!r}.{did_you_mean(beginning, ids)}")
    if len(found) > 1:
        fitting = ", ".join(each for each in ids if each.startswith(beginning))
        raise UserError(f"--baseline: {beginning!r} fits runs of several rows: {fitting}")
    return found.pop()


def _difference(
    sides: tuple[Group, Group], metric: str, of_counts: OfCounts | None, draws: int, seed: int
) -> Difference | str:
    if any(side.spread(metric) is None for side in sides):
        return f"no {metric}"
    try:
        return difference(pair(*sides), metric, of_counts, draws=draws, seed=seed)
    except NotComparableError as error:
        return str(error)


def _of_runs(runs: Sequence[Tried]) -> Iterator[str]:
    unfinished = [f"{run.run.id} ({run.state})" for run in runs if run.state != "finished"]
    if unfinished:
        yield f"not finished: {listed(unfinished)}"
    bare = [run.run.id for run in runs if run.whole is None]
    if bare:
        yield (
            f"without scores a recording, so without an interval: {listed(bare)}; "
            "`mabe evaluate ID` makes them"
        )
    parts = sorted({run.part for run in runs})
    if len(parts) > 1:
        yield f"not all scores are of the same part: {', '.join(parts)}"
    if "validation" in parts or "best epoch" in parts:
        yield "scores of the validation part flatter: the best epoch was chosen on these same frames"
    yield from dict.fromkeys(run.whole.notice for run in runs if run.whole and run.whole.notice)


def _of_differences(lines: Sequence[Line], metric: str, lost: Sequence[str]) -> Iterator[str]:
    found = [line.difference for line in lines if isinstance(line.difference, Difference)]
    fewest = min((each.recordings for each in found), default=FEW)
    if fewest == 1:
        yield "one recording: how a difference varies from recording to recording cannot be told"
    elif fewest < FEW:
        yield f"an interval over {fewest} recordings means little"
    if any(each.by != "pooled counts" for each in found):
        why = "so" if lost else f"{metric} does not follow from counts:"
        yield from lost
        yield f"{why} differences are of its means over recordings"
    left_out = max((each.left_out for each in found), default=0)
    if left_out:
        yield f"up to {left_out} recordings that only one of two scored are left out of their difference"
    for each in found:
        yield from each.notes


def listed(words: Sequence[str], most: int = 3) -> str:
    """Return the first few words, and how many more there are."""
    more = len(words) - most
    return ", ".join(words[:most]) + (f" and {more} more" if more > 0 else "")
