"""How a run stands, read from its directory by somebody who only watches: nothing is locked or written."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from mabe_core.errors import UserError
from mabe_core.runs.checkpoints import read_pointer
from mabe_core.runs.directory import RunDirectory
from mabe_core.runs.holding import holder_lives
from mabe_core.runs.record import DamagedRunError, Record, read_record

# of the log's end, enough for the lines that are shown
LOG_BYTES = 16_384
LOG_LINES = 8
# of how many epochs the usual length is taken
RECENT = 5
# a run is told to be quiet after so many seconds, or three epochs
QUIET = 60.0


@attrs.frozen(kw_only=True)
class Standing:
    """How far a run has come. state: `waiting` before it has a record, else as a record has it.

    steps: of the whole run, where known. left: seconds that it may still take. losses, scores: an epoch each.
    best_epoch: where the best score was. quiet: seconds since it last wrote anything, where that is long.
    """

    id: str
    state: str
    epoch: int = 0
    epochs: int = 0
    step: int = 0
    steps: int | None = None
    speed: float | None = None
    left: float | None = None
    monitor: str = ""
    losses: tuple[float, ...] = ()
    scores: tuple[float, ...] = ()
    best: float | None = None
    best_epoch: int | None = None
    quiet: float | None = None
    log: tuple[str, ...] = ()
    failure: str = ""

    @property
    def over(self) -> bool:
        """Tell whether nothing more will happen by itself."""
        return self.state not in ("running", "waiting", "starting")


def standing(run: RunDirectory, *, state: str | None = None) -> Standing:
    """Return how a run stands. state: where somebody else knows better than this machine's processes."""
    try:
        record = read_record(run)
        epochs = run.epochs()
    except (DamagedRunError, UserError) as error:
        return Standing(id=run.id, state="damaged", failure=str(error), log=_log(run.log))
    if record is None:
        return Standing(id=run.id, state=state or "waiting", log=_log(run.log))
    if state is None:
        killed = record.state == "running" and not holder_lives(run.path)
        state = "interrupted" if killed else record.state
    written = _written(run)
    quiet = None if written is None else max(time.time() - written, 0.0)
    found = of_epochs(record, epochs, state=state, since=quiet)
    best = read_pointer(run.best) or {}
    patience = max(QUIET, 3 * (_usual(epochs) or 0.0))
    quiet = quiet if quiet is not None and quiet > patience and state == "running" else None
    return attrs.evolve(found, best_epoch=best.get("epoch"), quiet=quiet, log=_log(run.log))


def of_epochs(
    record: Record, epochs: Sequence[Mapping[str, Any]], *, state: str, since: float | None = None
) -> Standing:
    """Return what a record and the lines of its epochs say. since: seconds since the last of them."""
    last = epochs[-1] if epochs else {}
    a_epoch = record.auto.get("steps_per_epoch")
    return Standing(
        id=record.id,
        state=state,
        epoch=record.epoch,
        epochs=record.epochs,
        step=record.step,
        steps=a_epoch * record.epochs if type(a_epoch) is int else None,
        speed=_number(last.get("steps_per_second")),
        left=time_left(epochs, record.epochs, since or 0.0) if state == "running" else None,
        monitor=record.monitor,
        losses=_series(epochs, "train_loss"),
        scores=_series(epochs, f"val_{record.monitor}"),
        best=record.best,
        failure=record.failure,
    )


def time_left(epochs: Sequence[Mapping[str, Any]], of: int, since: float) -> float | None:
    """Return about how many seconds are left: as many epochs as there are, each as long as lately."""
    usual = _usual(epochs)
    if usual is None:
        return None
    done = int(epochs[-1]["epoch"])
    return max((of - done) * usual - min(since, usual), 0.0)


def _usual(epochs: Sequence[Mapping[str, Any]]) -> float | None:
    lately = _series(epochs[-RECENT:], "seconds")
    return statistics.median(lately) if lately else None


def _series(epochs: Sequence[Mapping[str, Any]], key: str) -> tuple[float, ...]:
    return tuple(value for line in epochs if (value := _number(line.get(key))) is not None)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _written(run: RunDirectory) -> float | None:
    times = []
    for file in (run.record, run.metrics, run.log):
        try:
            times.append(file.stat().st_mtime)
        except OSError:
            continue
    return max(times, default=None)


def _log(file: Path) -> tuple[str, ...]:
    """Return the last lines of a log, of which only the end is read."""
    try:
        with file.open("rb") as opened:
            opened.seek(0, 2)
            opened.seek(max(opened.tell() - LOG_BYTES, 0))
            lines = opened.read().decode(errors="replace").splitlines()
    except OSError:
        return ()
    return tuple(line for line in lines if line.strip())[-LOG_LINES:]
