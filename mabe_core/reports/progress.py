"""A run as it goes on: a bar in a terminal, one line an epoch, lines alone elsewhere."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from mabe_core.training.events import (
    Began,
    DataRead,
    Ended,
    EpochEnded,
    Event,
    Saved,
    Scoring,
    Stepped,
    StoppedEarly,
    Warned,
)


class ProgressDisplay:
    """Shows the events of one run on a console; a context manager that is called with each event."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f} steps"),
            TextColumn("{task.fields[speed]} steps/s"),
            TextColumn("loss {task.fields[loss]}"),
            TimeRemainingColumn(),
            console=console,
            # refreshed by hand at each event: a thread of its own would take time from the training
            auto_refresh=False,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task: TaskID | None = None
        self._began: tuple[float, int] = (0.0, 0)
        self._epochs = 0
        self._monitor = ""

    def __enter__(self) -> ProgressDisplay:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def __call__(self, event: Event) -> None:
        match event:
            case DataRead(report=lines):
                for line in lines:
                    self._console.print(line)
            case Began():
                self._begin(event)
            case Stepped(epoch=epoch, step=step, loss=loss):
                self._advance(epoch, step, loss)
            case EpochEnded(metrics=metrics, best=best):
                star = " *" if best else ""
                self._console.print(
                    f"epoch {metrics['epoch']:>3}/{self._epochs}  train loss {metrics['train_loss']:.4f}  "
                    f"validation loss {metrics['val_loss']:.4f}  "
                    f"{self._monitor} {metrics[f'val_{self._monitor}']:.4f}{star}  "
                    f"{metrics['seconds']:.1f} s, {metrics['steps_per_second']:.1f} steps/s"
                )
            case StoppedEarly(epoch=epoch, why=why):
                self._console.print(f"stopped early after epoch {epoch}: {why}")
            case Scoring(checkpoint=checkpoint, stretches=stretches):
                told = ", ".join(f"{count} of {part}" for part, count in stretches.items())
                self._console.print(f"scoring the recordings held out ({told}) with {checkpoint}")
            case Warned(message=message):
                self._console.print(f"warning: {message}", style="yellow", soft_wrap=True)
            case Saved() | Ended():
                pass

    def _begin(self, event: Began) -> None:
        auto = event.auto
        self._epochs, self._monitor = event.epochs, event.monitor
        total = event.epochs * event.steps_per_epoch
        onward = f", going on from step {event.step}" if event.step else ""
        self._console.print(
            f"{event.parameters:,} parameters on {auto['device']} in {auto['precision']}, "
            f"{event.epochs} epochs of {event.steps_per_epoch} steps{onward}"
        )
        self._began = (time.monotonic(), event.step)
        if self._task is not None:  # another attempt of the same run
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(
            "", total=total, completed=event.step, epoch=f"1/{event.epochs}", speed="–", loss="–"
        )
        self._bar.refresh()

    def _advance(self, epoch: int, step: int, loss: float) -> None:
        assert self._task is not None, "a run begins before it goes on"
        since, first = self._began
        self._bar.update(
            self._task,
            completed=step,
            epoch=f"{epoch}/{self._epochs}",
            speed=f"{(step - first) / (time.monotonic() - since):.1f}",
            loss=f"{loss:.4f}",
            refresh=True,
        )
