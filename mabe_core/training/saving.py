"""Saves a run as it goes on: epoch lines, checkpoints, which is best and last, the record."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterable
from functools import partial
from types import TracebackType
from typing import Any, Protocol

import attrs

from mabe_core.errors import MabeError
from mabe_core.experiment.schema import Checkpoint as Keeping
from mabe_core.runs.checkpoints import Checkpoint, checkpoint_names, prune, write_checkpoint
from mabe_core.runs.directory import RunDirectory
from mabe_core.runs.files import write_json
from mabe_core.runs.record import Record
from mabe_core.training.background import Background
from mabe_core.training.events import EpochEnded, Observer, Saved, Warned
from mabe_core.training.not_finite import check_weights
from mabe_core.training.state import Progress, capture, generators
from mabe_core.training.step import Step

NO_LIMIT = 1 << 62


class Saving(Protocol):
    """What the loop asks of whoever saves."""

    @property
    def newest(self) -> str | None:
        """The newest checkpoint that is on disk."""

    def __call__(self, ended: EpochEnded | None) -> None:
        """Save how far it has come; the epoch that just ended, which is told once it is saved, or None."""

    def most(self, step: int) -> int:
        """Return how many steps may be done before it has to be asked again whether to save."""

    def due(self, step: int) -> bool:
        """Tell whether to save now; raise what went wrong with the checkpoint before."""

    def wait(self) -> None:
        """Return once everything is on disk; raise what went wrong."""


@attrs.frozen
class Unsaved:
    """Saves nothing: for measuring what the loop itself costs."""

    observe: Observer
    newest: str | None = None

    def __call__(self, ended: EpochEnded | None) -> None:
        """Tell it at once."""
        if ended is not None:
            self.observe(ended)

    def most(self, step: int) -> int:
        """Return no limit."""
        return NO_LIMIT

    def due(self, step: int) -> bool:
        """Never save."""
        return False

    def wait(self) -> None:
        """Return at once."""


@attrs.frozen(eq=False)
class FollowingSaver:
    """Takes part where the first of several processes saves; writes nothing."""

    step: Step
    progress: Progress
    keeping: Keeping
    newest: str | None = None

    def __call__(self, ended: EpochEnded | None) -> None:
        """Hand what belongs to this process over to the first."""
        self.step.processes.everyones(generators(self.progress.loss_sum.device))

    def most(self, step: int) -> int:
        """Return the same as the first process."""
        return _steps_left(self.keeping, step)

    def due(self, step: int) -> bool:
        """Leave it to the first process to decide."""
        return False

    def wait(self) -> None:
        """Return at once."""


def _steps_left(keeping: Keeping, step: int) -> int:
    every = keeping.every_steps
    return NO_LIMIT if every is None else every - step % every


@attrs.frozen
class _Note:
    """What the small files of a run are to say of a checkpoint, and what is told once it is there."""

    epoch: int
    step: int
    ranking: tuple[dict[str, Any], ...]
    why: str
    ended: EpochEnded | None = None


@attrs.define(eq=False)
class Saver:
    """Writes what `progress` stands at into the run directory.

    The tensors are copied when it is called; a thread hashes, writes and flushes them while training goes on.
    To be used in a `with` block, which ends when everything is on disk.
    newest: the newest checkpoint on disk, once one was written or resumed from.
    """

    run: RunDirectory
    record: Record
    step: Step
    progress: Progress
    keeping: Keeping
    observe: Observer
    newest: str | None = None
    _background: Background[tuple[str, _Note]] = attrs.field(init=False, factory=Background)
    _saved_at: float = attrs.field(init=False, factory=time.monotonic)

    def __enter__(self) -> Saver:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.wait()
        except MabeError as wrong:
            if error is None:
                raise
            self.observe(Warned(str(wrong)))  # beside what ended the training
        finally:
            self._background.close()

    def __call__(self, ended: EpochEnded | None) -> None:
        """Save a checkpoint, as Saving says."""
        self.wait()
        self._saved_at = time.monotonic()
        checkpoint = capture(self.step, self.progress)
        parameters = [name for name, _ in self.step.parts.model.named_parameters()]
        note, record = self._note(ended), copy.deepcopy(self.record)
        self._background.start(partial(self._write, checkpoint, parameters, note, record))

    def most(self, step: int) -> int:
        """Return how many steps there are to the next that is saved."""
        return _steps_left(self.keeping, step)

    def due(self, step: int) -> bool:
        """Tell whether steps or minutes are over."""
        if self._background.ended:
            self.wait()
        every, minutes = self.keeping.every_steps, self.keeping.every_minutes
        if every is not None and step % every == 0:
            return True
        return minutes is not None and time.monotonic() - self._saved_at >= 60 * minutes

    def wait(self) -> None:
        """Wait for the checkpoint under way and tell that it is saved."""
        done = self._background.take()
        if done is not None:
            self.newest, note = done
            _take_note(self.record, note)
            self.observe(Saved(self.newest))
            if note.ended is not None:
                self.observe(note.ended)

    def settle(self) -> None:
        """Let best.json, last.json and the record say what the checkpoint says that was resumed from.

        After a crash between a checkpoint and these files, this is what mends them.
        """
        self.newest = _name(self.progress.step)
        self._point(self._note(), self.record)

    def _write(
        self, checkpoint: Checkpoint, parameters: Iterable[str], note: _Note, record: Record
    ) -> tuple[str, _Note]:
        """Write everything that belongs to a checkpoint, in the order in which a crash may cut it off."""
        check_weights(checkpoint, parameters, self.newest)
        if note.ended is not None:
            self.run.append_epoch(dict(note.ended.metrics))
        written = write_checkpoint(self.run.checkpoints, checkpoint).name
        self._point(note, record)
        prune(self.run.checkpoints, self._kept(note))
        return written, note

    def _note(self, ended: EpochEnded | None = None) -> _Note:
        progress = self.progress
        epochs_done, steps_into = divmod(progress.step, self.step.parts.schedule.steps_per_epoch)
        why = f"in epoch {epochs_done + 1}" if steps_into else f"after epoch {epochs_done}"
        return _Note(epochs_done, progress.step, tuple(progress.ranking), why, ended)

    def _point(self, note: _Note, record: Record) -> None:
        _take_note(record, note)
        last = {"checkpoint": _name(note.step), "epoch": note.epoch, "step": note.step, "why": note.why}
        write_json(self.run.last, last)
        for best in note.ranking[:1]:
            why = f"best {record.monitor} on validation: {best['score']:.4f}"
            write_json(self.run.best, {"checkpoint": _name(best["step"]), **best, "why": why})
        record.save(self.run)

    def _kept(self, note: _Note) -> set[str]:
        """Return which checkpoints stay: the newest ones up to this, the best ones, one every so many epochs.

        What is newer than this one was damaged when the run was resumed.
        """
        keeping = self.keeping
        steps = [int(name.removeprefix("step-")) for name in checkpoint_names(self.run.checkpoints)]
        last = [step for step in steps if step <= note.step][: keeping.keep_last]
        kept = {
            _name(step) for step in (*last, *(best["step"] for best in note.ranking[: keeping.keep_best]))
        }
        if keeping.every_epochs is not None:
            stride = keeping.every_epochs * self.step.parts.schedule.steps_per_epoch
            kept |= {_name(step) for step in range(stride, note.step + 1, stride)}
        return kept


def _take_note(record: Record, note: _Note) -> None:
    record.epoch, record.step = note.epoch, note.step
    if note.ranking:
        record.best = note.ranking[0]["score"]


def _name(step: int) -> str:
    return f"step-{step:08d}"
