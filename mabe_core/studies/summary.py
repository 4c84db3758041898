"""The tables of a study: its members and how they stand, and means of settings over seeds and folds."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Group
from rich.table import Table

from mabe_core.runs.study import Trial
from mabe_core.studies.axes import SPREAD
from mabe_core.studies.expansion import MemberExperiment, settings_text, short_key, value_text
from mabe_core.studies.states import MemberState

Row = tuple[MemberExperiment, MemberState]


def members_table(rows: Sequence[Row]) -> Table:
    """Return a line a member: id, state, epoch, and what makes it differ."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    keys = list(rows[0][0].settings) if rows else []
    for title in ("id", "state", "epoch", *(short_key(key) for key in keys)):
        table.add_column(title, no_wrap=title == "id", overflow="fold")
    for member, stands in rows:
        record = stands.record
        epoch = f"{record.epoch}/{record.epochs}" if record else ""
        table.add_row(member.id, stands.state, epoch, *(value_text(member.settings[key]) for key in keys))
    return table


def means_table(rows: Iterable[Row], monitor: str) -> Group:
    """Return a line a setting: the mean of its members' scores over seeds and folds, its spread, how many.

    The spread is the sample standard deviation. Scores are of the held-out part, where all members have been
    scored on one, else the best on validation.
    """
    scored = [(member, stands.record) for member, stands in rows if stands.record is not None]
    held_out = all(monitor in record.held_out for _, record in scored)
    groups: dict[str, tuple[dict[str, Any], list[float]]] = {}
    for member, record in scored:
        settings = {key: value for key, value in member.settings.items() if key not in SPREAD}
        score = record.held_out[monitor] if held_out else record.best
        if score is not None:
            groups.setdefault(settings_text(settings), (settings, []))[1].append(score)
    table = Table(box=None, header_style="bold", pad_edge=False)
    keys = list(next(iter(groups.values()))[0]) if groups else []
    for key in keys:
        table.add_column(key, overflow="fold")
    for title in ("mean", "sd", "n"):
        table.add_column(title, justify="right")
    for settings, scores in groups.values():
        spread = f"{statistics.stdev(scores):.4f}" if len(scores) > 1 else ""
        told = (f"{statistics.fmean(scores):.4f}", spread, str(len(scores)))
        table.add_row(*(value_text(settings[key]) for key in keys), *told)
    what = "on the held-out part" if held_out else "best on validation, which also chose the checkpoint"
    return Group(f"{monitor}, {what}:", table)


def best_trial(trials: Sequence[Trial], *, lower_is_better: bool) -> Trial | None:
    """Return the trial with the best value; None where none has one."""
    valued = [(trial.value, trial) for trial in trials if trial.value is not None]
    choose = min if lower_is_better else max
    return choose(valued, key=lambda each: each[0])[1] if valued else None
