"""The tables of a study: its members and how they stand, and means of settings over seeds and folds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from mabe_core.runs.choice import Choice, chosen
from mabe_core.runs.record import Record
from mabe_core.runs.settings import FOLD, SPREAD_OVER, by_setting, setting_of, settings_text, value_text
from mabe_core.runs.spread import Spread
from mabe_core.runs.study import Trial
from mabe_core.studies.expansion import MemberExperiment
from mabe_core.studies.states import MemberState

VALIDATION = "validation"

Row = tuple[MemberExperiment, MemberState]


def members_table(rows: Sequence[Row]) -> Table:
    """Return a line a member: id, state, epoch, and what makes it differ."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    keys = list(rows[0][0].settings) if rows else []
    for title in ("id", "state", "epoch", *map(_title, keys)):
        table.add_column(title, no_wrap=title == "id", overflow="fold")
    for member, stands in rows:
        record = stands.record
        epoch = f"{record.epoch}/{record.epochs}" if record else ""
        table.add_row(member.id, stands.state, epoch, *(value_text(member.settings[key]) for key in keys))
    return table


def means_table(rows: Iterable[Row], monitor: str, *, lower_is_better: bool = False) -> Group:
    """Return a line a setting: the mean of its members' scores over seeds and folds, its spread, how many.

    Scores are of the held-out part, where all members have been scored on one, else the best on validation.
    Below stands which setting validation chooses, where that is not the part shown, and what a split has to
    confess.
    """
    scored = [(member, stands.record) for member, stands in rows if stands.record is not None]
    held_out = all(monitor in record.held_out for _, record in scored)
    table = Table(box=None, header_style="bold", pad_edge=False)
    keys = list(setting_of(scored[0][0].settings)) if scored else []
    for key in keys:
        table.add_column(key, overflow="fold")
    for title in ("mean", "sd", "n"):
        table.add_column(title, justify="right")
    settings_rows = by_setting(scored, lambda each: each[0].settings)
    for alike in settings_rows:
        spread = Spread.of(record.held_out[monitor] if held_out else record.best for _, record in alike)
        if spread is None:
            continue
        settings = alike[0][0].settings
        deviation = "" if spread.deviation is None else f"{spread.deviation:.4f}"
        told = (f"{spread.mean:.4f}", deviation, str(spread.n))
        table.add_row(*(value_text(settings[key]) for key in keys), *told)
    parts = {_held_out(record) for _, record in scored}
    what = f"on {' and '.join(sorted(parts))}" if held_out else f"best on {VALIDATION}"
    also = "" if held_out and VALIDATION not in parts else ", which also chose the checkpoint"
    choice = None
    if held_out and VALIDATION not in parts:
        choice = chosen(
            settings_rows,
            lambda each: each[1].best,
            fold_of=lambda each: each[0].settings.get(FOLD),
            lower_is_better=lower_is_better,
        )
    notices = dict.fromkeys(record.notice for _, record in scored if record.notice)
    chosen_by = _choice_text(choice, [setting_of(each[0][0].settings) for each in settings_rows])
    return Group(
        f"{monitor}, {what}{also}:", table, *chosen_by, *(Text(each, style="yellow") for each in notices)
    )


def best_trial(trials: Sequence[Trial], *, lower_is_better: bool) -> Trial | None:
    """Return the trial with the best value; None where none has one."""
    valued = [(trial.value, trial) for trial in trials if trial.value is not None]
    choose = min if lower_is_better else max
    return choose(valued, key=lambda each: each[0])[1] if valued else None


def _held_out(record: Record) -> str:
    parts = record.report.get("parts")
    return "test" if isinstance(parts, dict) and "test" in parts else VALIDATION


def _choice_text(choice: Choice | None, settings: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield what validation chooses, in each fold by itself; nothing where there is nothing to choose."""
    if choice is None:
        return
    folds = Counter(choice.rows.values())
    each = [(settings_text(settings[row]), folds[row]) for row in sorted(folds)]
    if len(each) == 1:
        yield f"validation chooses {each[0][0]}"
    else:
        yield "validation chooses, in each fold by itself: " + "; ".join(
            f"{words} in {number}" for words, number in each
        )


def _title(key: str) -> str:
    return key.rpartition(".")[2] if key in SPREAD_OVER else key
