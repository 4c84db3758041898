"""The tables of a study: its members and how they stand, and means of settings over seeds and folds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text

from mabe_core.runs.settings import SPREAD_OVER, by_setting, setting_of, value_text
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


def means_table(rows: Iterable[Row], monitor: str) -> Group:
    """Return a line a setting: the mean of its members' scores over seeds and folds, its spread, how many.

    Scores are of the held-out part, where all members have been scored on one, else the best on validation.
    Below stands what a split has to confess.
    """
    scored = [(member, stands.record) for member, stands in rows if stands.record is not None]
    held_out = all(monitor in record.held_out for _, record in scored)
    table = Table(box=None, header_style="bold", pad_edge=False)
    keys = list(setting_of(scored[0][0].settings)) if scored else []
    for key in keys:
        table.add_column(key, overflow="fold")
    for title in ("mean", "sd", "n"):
        table.add_column(title, justify="right")
    for alike in by_setting(scored, lambda each: each[0].settings):
        spread = Spread.of(record.held_out[monitor] if held_out else record.best for _, record in alike)
        if spread is None:
            continue
        settings = alike[0][0].settings
        deviation = "" if spread.deviation is None else f"{spread.deviation:.4f}"
        told = (f"{spread.mean:.4f}", deviation, str(spread.n))
        table.add_row(*(value_text(settings[key]) for key in keys), *told)
    parts = {"test" if "test" in record.report.get("parts", {}) else VALIDATION for _, record in scored}
    what = f"on {' and '.join(sorted(parts))}" if held_out else f"best on {VALIDATION}"
    chosen = "" if held_out and VALIDATION not in parts else ", which also chose the checkpoint"
    notices = dict.fromkeys(record.notice for _, record in scored if record.notice)
    return Group(f"{monitor}, {what}{chosen}:", table, *(Text(each, style="yellow") for each in notices))


def best_trial(trials: Sequence[Trial], *, lower_is_better: bool) -> Trial | None:
    """Return the trial with the best value; None where none has one."""
    valued = [(trial.value, trial) for trial in trials if trial.value is not None]
    choose = min if lower_is_better else max
    return choose(valued, key=lambda each: each[0])[1] if valued else None


def _title(key: str) -> str:
    return key.rpartition(".")[2] if key in SPREAD_OVER else key
