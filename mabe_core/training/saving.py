"""Saves a run as it goes on: epoch lines, checkpoints, which is best and last, the record."""

from __future__ import annotations

from typing import Any

import attrs

from mabe_core.runs.checkpoints import prune, write_checkpoint
from mabe_core.runs.directory import RunDirectory
from mabe_core.runs.files import write_json
from mabe_core.runs.record import Record
from mabe_core.training.events import Observer, Saved
from mabe_core.training.state import Progress, capture
from mabe_core.training.step import Step


@attrs.frozen(eq=False)
class Saver:
    """Writes what `progress` stands at into the run directory.

    every_epochs: keep a checkpoint every so many epochs, beside the best and the last.
    """

    run: RunDirectory
    record: Record
    step: Step
    progress: Progress
    every_epochs: int | None
    observe: Observer

    def __call__(self, line: dict[str, Any] | None) -> None:
        """Save a checkpoint; `line` is that of the epoch that just ended, None in mid-epoch."""
        if line is not None:
            self.run.append_epoch(line)
        written = write_checkpoint(self.run.checkpoints, capture(self.step, self.progress)).name
        self.settle()
        prune(self.run.checkpoints, self._kept(written))
        self.observe(Saved(written))

    def settle(self) -> None:
        """Let best.json, last.json and the record say what the last checkpoint says.

        After a crash between a checkpoint and these files, this is what mends them.
        """
        progress, best = self.progress, self.progress.best
        epochs_done, steps_into = divmod(progress.step, self.step.parts.schedule.steps_per_epoch)
        self.record.epoch, self.record.step = epochs_done, progress.step
        why = f"in epoch {epochs_done + 1}" if steps_into else f"after epoch {epochs_done}"
        last = {"checkpoint": _name(progress.step), "epoch": epochs_done, "step": progress.step, "why": why}
        write_json(self.run.last, last)
        if best is not None:
            self.record.best = best["score"]
            why = f"best {self.record.monitor} on validation: {best['score']:.4f}"
            write_json(self.run.best, {"checkpoint": _name(best["step"]), **best, "why": why})
        self.record.save(self.run)

    def _kept(self, last: str) -> set[str]:
        kept = {last}
        if self.progress.best is not None:
            kept.add(_name(self.progress.best["step"]))
        if self.every_epochs is not None:
            stride = self.every_epochs * self.step.parts.schedule.steps_per_epoch
            kept |= {_name(step) for step in range(stride, self.progress.step + 1, stride)}
        return kept


def _name(step: int) -> str:
    return f"step-{step:08d}"
