"""What the files of a run or a study say, read once; what is missing or damaged is told, never raised."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs

from mabe_core.errors import UserError
from mabe_core.runs.checkpoints import read_pointer
from mabe_core.runs.directory import RunDirectory
from mabe_core.runs.record import DamagedRunError, Record, read_record
from mabe_core.runs.scores import Frames, Scores, read_frames, read_scores
from mabe_core.runs.study import Study


@attrs.frozen(kw_only=True, eq=False)
class Facts:
    """One run. settings: by what it differs from the others of its study. told: what is to be known of it.

    state: the record's, but `interrupted` where it says running and no process does, and `absent` or
    `damaged` where there is no record to read. best: what best.json says.
    """

    run: RunDirectory
    settings: dict[str, Any]
    state: str
    record: Record | None
    experiment: str
    epochs: tuple[dict[str, Any], ...]
    best: dict[str, Any] | None
    scores: Scores | None
    told: tuple[str, ...]

    @property
    def id(self) -> str:
        return self.run.id

    @property
    def lower_is_better(self) -> bool:
        """Whether its monitored score is an error: its best is then the least of those of its epochs."""
        if self.record is None:
            return False
        found = [line.get(f"val_{self.record.monitor}") for line in self.epochs]
        values = [value for value in found if isinstance(value, (int, float)) and math.isfinite(value)]
        best = self.record.best
        if not values or best is None or min(values) == max(values):
            return self.record.monitor == "loss"
        return abs(best - min(values)) < abs(best - max(values))


def facts_of(entry: RunDirectory | Study, runs_dir: Path) -> tuple[Facts, ...]:
    """Return what is known of a run, or of each member of a study."""
    if isinstance(entry, RunDirectory):
        return (_facts(entry, {}),)
    return tuple(
        _facts(run, member.settings) for run, member in zip(entry.runs(runs_dir), entry.members, strict=True)
    )


def frames_of(facts: Facts) -> tuple[dict[str, list[Frames]], str]:
    """Return the scored frames by part, none where they cannot be read, and why they cannot."""
    if facts.scores is None:
        return {}, ""
    try:
        return read_frames(facts.run, facts.scores), ""
    except UserError as error:
        return {}, str(error)


def _facts(run: RunDirectory, settings: dict[str, Any]) -> Facts:
    told: list[str] = []
    record, state = _record(run, told)
    epochs: Sequence[dict[str, Any]] = ()
    scores = None
    try:
        epochs = run.epochs()
    except UserError as error:
        told.append(str(error))
    try:
        scores = read_scores(run)
    except UserError as error:
        told.append(str(error))
    if state == "running":
        told.append(f"It is running, {_of(record)}. Numbers are those of {_updated(record)}.")
    elif state == "interrupted":
        told.append(f"It was interrupted {_of(record)}; `mabe-run --resume {run.id}` goes on with it.")
    elif state == "failed" and record is not None:
        told.append(f"It failed: {record.failure or 'for a reason that was not recorded'}")
    if record is not None and not epochs:
        told.append("It has no epoch behind it yet, so there are no curves.")
    if record is not None and scores is None and not told:
        told.append(f"Its frames are not scored yet; `mabe evaluate {run.id}` does that.")
    elif scores is not None and not any(scores.stretches.values()):
        told.append("No frame was held out, so nothing was scored.")
    return Facts(
        run=run,
        settings=settings,
        state=state,
        record=record,
        experiment=_text(run.experiment),
        epochs=tuple(epochs),
        best=read_pointer(run.best),
        scores=scores,
        told=tuple(told),
    )


def _record(run: RunDirectory, told: list[str]) -> tuple[Record | None, str]:
    try:
        record = read_record(run)
    except DamagedRunError as error:
        told.append(str(error))
        return None, "damaged"
    if record is None:
        told.append("It was not begun here.")
        return None, "absent"
    # a record that says `running` and that no process holds was killed
    return record, "interrupted" if record.state == "running" and not run.is_held() else record.state


def _of(record: Record | None) -> str:
    if record is None or record.epoch == 0:
        return "before the end of its first epoch"
    return f"after epoch {record.epoch} of {record.epochs}"


def _updated(record: Record | None) -> str:
    return record.updated if record else "?"


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
