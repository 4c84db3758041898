"""Which member of a study is the one to keep: chosen on validation, so that held-out scores stay honest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import attrs

from mabe_core.comparing.counted import metrics_of
from mabe_core.comparing.tried import Tried, read_tried
from mabe_core.errors import UserError
from mabe_core.runs.choice import chosen
from mabe_core.runs.settings import by_setting, setting_of, settings_text
from mabe_core.runs.study import Member, Study


@attrs.frozen(eq=False)
class Kept:
    """The member that is to be kept; told: why, line by line."""

    member: Member
    told: tuple[str, ...]


@attrs.frozen(eq=False)
class _Finished:
    member: Member
    tried: Tried
    score: float


def best_member(study: Study, runs_dir: Path) -> Kept:
    """Return of the setting with the best mean on validation the run with the best score there.

    Members that are not finished have no say. Raises UserError where none is finished, or where members
    monitor different scores.
    """
    finished = _finished(study, runs_dir)
    if not finished:
        raise UserError(
            f"no member of {study.id} is finished: `mabe-run --resume {study.id}` goes on with it"
        )
    monitors = sorted({each.tried.record.monitor for each in finished})
    if len(monitors) > 1:
        several = " and ".join(monitors)
        raise UserError(
            f"members of {study.id} were chosen by different scores ({several}): name one of them"
        )
    (monitor,) = monitors
    lower = monitor in metrics_of(finished[0].tried).lower_is_better
    rows = by_setting(finished, lambda each: each.member.settings)
    choice = chosen(rows, lambda each: each.score, lower_is_better=lower)
    row = rows[choice.row or 0] if choice is not None else rows[0]
    best = (min if lower else max)(row, key=lambda each: each.score)
    return Kept(best.member, _told(study, finished, row, best, monitor))


def _finished(study: Study, runs_dir: Path) -> list[_Finished]:
    found = []
    for member, run in zip(study.members, study.runs(runs_dir), strict=True):
        if not run.record.exists():
            continue
        tried = read_tried(run)
        best = tried.record.best
        if tried.state == "finished" and best is not None and math.isfinite(best):
            found.append(_Finished(member, tried, best))
    return found


def _told(
    study: Study, finished: Sequence[_Finished], row: Sequence[_Finished], best: _Finished, monitor: str
) -> tuple[str, ...]:
    told = []
    if len(finished) > len(row):
        mean = math.fsum(each.score for each in row) / len(row)
        setting = settings_text(setting_of(best.member.settings), ", ")
        of_runs = f", the mean of {len(row)} runs" if len(row) > 1 else ""
        told.append(f"best on validation is {setting}: {monitor} {mean:.4f}{of_runs}")
    if len(row) > 1:
        which = "these" if told else "its"
        told.append(f"best of {which} runs on validation is {best.member.id}: {best.score:.4f}")
    lacking = len(study.members) - len(finished)
    if lacking:
        told.append(f"{lacking} of the {len(study.members)} members are not finished, and had no say")
    return tuple(told)
