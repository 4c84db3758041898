"""How runs in the cloud stand: one by its events as they come, many by what the volume says."""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs

from mabe_core.cloud.runs import CloudRun, cloud_runs, fetch_small
from mabe_core.cloud.service import Account, Files
from mabe_core.errors import UserError
from mabe_core.reports.console import written
from mabe_core.reports.progress import ProgressDisplay
from mabe_core.runs.record import Record
from mabe_core.runs.standing import LOG_LINES, Standing, of_epochs, standing
from mabe_core.training.events import Began, Ended, EpochEnded, Event, Stepped


class Followed:
    """Takes in the events of a run, and says how it stands; begins with what the volume has of it."""

    def __init__(self, run_id: str, files: Files | None) -> None:
        self._record = Record(id=run_id, state="running", started="", updated="")
        self._epochs: list[dict[str, Any]] = []
        self._loss: float | None = None
        self._best_epoch: int | None = None
        self._heard = time.monotonic()
        self._text = io.StringIO()
        self._display = ProgressDisplay(written(self._text))
        self.state = "starting"
        if files is not None:
            self._epochs = _epochs_on(files, run_id)

    def __call__(self, event: Event) -> None:
        """Take in an event."""
        self._display(event)
        record = self._record
        match event:
            case Began():
                self.state = "running"
                record.epochs, record.monitor, record.step = event.epochs, event.monitor, event.step
                record.epoch = event.step // max(event.steps_per_epoch, 1)
                record.auto = {"steps_per_epoch": event.steps_per_epoch}
                self._epochs = [line for line in self._epochs if line["epoch"] <= record.epoch]
            case Stepped():
                record.step, self._loss = event.step, event.loss
            case EpochEnded():
                line = dict(event.metrics)
                record.epoch, record.step = line["epoch"], line["step"]
                self._epochs = [each for each in self._epochs if each["epoch"] < line["epoch"]] + [line]
                self._heard = time.monotonic()
                if event.best:
                    record.best, self._best_epoch = line.get(f"val_{record.monitor}"), line["epoch"]
            case Ended():
                self.state, record.failure = event.state, event.failure
            case _:
                pass

    def end(self, state: str, problems: Sequence[str]) -> None:
        """Take in how its call ended."""
        self.state = state
        self._record.failure = self._record.failure or "\n".join(problems)

    def standing(self) -> Standing:
        """Return how it stands now."""
        since = time.monotonic() - self._heard
        found = of_epochs(self._record, self._epochs, state=self.state, since=since)
        losses = found.losses if self._loss is None else (*found.losses, self._loss)
        log = tuple(line for line in self._text.getvalue().splitlines() if line.strip())[-LOG_LINES:]
        return attrs.evolve(found, losses=losses, best_epoch=self._best_epoch, log=log)


def cloud_standing(files: Files, run: CloudRun) -> Standing:
    """Return how a run stands by what the volume says."""
    with tempfile.TemporaryDirectory() as folder:
        small = fetch_small(files, run.id, Path(folder))
        log = files.read(f"runs/{run.id}/log.txt")
        if log is not None:
            small.log.write_bytes(log)
        found = standing(small, state=run.state)
    return attrs.evolve(found, quiet=None, failure=run.failure or found.failure)


def member_standings(account: Account, volume: str, ids: Sequence[str]) -> list[Standing]:
    """Return how the members of a study stand, by their records and the calls that run them."""
    runs = {run.id: run for run in cloud_runs(account, volume)}
    found = []
    for member in ids:
        run = runs.get(member)
        if run is None:
            found.append(Standing(id=member, state="not begun"))
        elif run.record is None:
            found.append(Standing(id=member, state=run.state, failure=run.failure))
        else:
            found.append(of_epochs(run.record, [], state=run.state))
    return found


def _epochs_on(files: Files, run_id: str) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        try:
            return fetch_small(files, run_id, Path(folder)).epochs()
        except UserError:
            return []
