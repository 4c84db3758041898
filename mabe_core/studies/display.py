"""The members of a study as they go on: a live line for each in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from types import TracebackType

import attrs
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Column

from mabe_core.cloud.outcome import Outcome
from mabe_core.runs.record import Record
from mabe_core.studies.expansion import MemberExperiment
from mabe_core.studies.states import MemberState
from mabe_core.training.events import Began, EpochEnded, Event, Stepped, Warned

# columns from which on the speed is shown too
WIDE = 100


@attrs.define(eq=False)
class _Line:
    """One member that is going on. task: its live line."""

    member: MemberExperiment
    task: TaskID
    began: float
    first_step: int = 0
    epochs: int = 0
    monitor: str = ""
    best: float | None = None


class StudyDisplay:
    """Shows the events of all members on a console; a context manager.

    total: how many members there are; done: the ids of those that were finished before.
    """

    def __init__(self, console: Console, total: int, done: Iterable[str]) -> None:
        self._console = console
        self._total, self._done = total, set(done)
        self._lines: dict[str, _Line] = {}
        self._waiting: set[str] = set()
        speed = [TextColumn("{task.fields[speed]}")] if console.width >= WIDE else []
        self._bars = Progress(
            TextColumn("{task.description}", table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)),
            TextColumn("{task.fields[epoch]}"),
            BarColumn(bar_width=10),
            *speed,
            TextColumn("{task.fields[score]}"),
            TimeRemainingColumn(compact=True),
            console=console,
            expand=True,
            transient=True,
            refresh_per_second=4,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> StudyDisplay:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def began(self, member: MemberExperiment) -> None:
        """Show that a member is started."""
        # the id first: settings may be cut off before what tells two members apart
        task = self._bars.add_task(_name(member), total=None, epoch="starting", speed="", score="")
        self._lines[member.id] = _Line(member, task, time.monotonic())
        if not self._console.is_terminal:
            self._console.print(f"started   {_name(member)}")

    def event(self, member: MemberExperiment, event: Event) -> None:
        """Show what a member tells."""
        line = self._lines[member.id]
        match event:
            case Began():
                line.epochs, line.monitor, line.first_step = event.epochs, event.monitor, event.step
                line.began = time.monotonic()
                total = event.epochs * event.steps_per_epoch
                self._update(line, total=total, completed=event.step, epoch=f"epoch 1/{event.epochs}")
            case Stepped(epoch=epoch, step=step):
                speed = (step - line.first_step) / max(time.monotonic() - line.began, 1e-9)
                self._update(
                    line, completed=step, epoch=f"epoch {epoch}/{line.epochs}", speed=f"{speed:.0f} steps/s"
                )
            case EpochEnded(metrics=metrics) if line.monitor:
                score = f"{line.monitor} {metrics[f'val_{line.monitor}']:.4f}"
                self._update(line, score=score, completed=metrics["step"])
                if not self._console.is_terminal:
                    count = f"{metrics['epoch']}/{line.epochs}"
                    self._console.print(f"epoch {count:<4}{member.id}  {score}")
            case Warned(message=message):
                self._console.print(f"warning: {member.id}: {message}", style="yellow")

    def ended(self, member: MemberExperiment, outcome: Outcome, stands: MemberState) -> None:
        """Show how a member ended, in a line that stays."""
        began = self._remove(member)
        seconds = "" if began is None else f"  {time.monotonic() - began:.0f} s"
        if outcome.state == "finished":
            self._done.add(member.id)
        count = f"  ({len(self._done)}/{self._total})" if outcome.state == "finished" else ""
        style = {"finished": None, "stopped": "yellow"}.get(outcome.state, "red")
        said = best_text(stands.record) if stands.record else ""
        self._console.print(f"{outcome.state:<10}{_name(member)}{said}{seconds}{count}", style=style)

    def say(self, line: str) -> None:
        """Show a line that is about no member alone."""
        self._console.print(line)

    def waiting(self, members: Sequence[MemberExperiment]) -> None:
        """Show once that members are run by somebody else."""
        for member in members:
            self._remove(member)
        new = [member.id for member in members if member.id not in self._waiting]
        self._waiting.update(new)
        if new:
            self._console.print(f"run by another process, and waited for: {', '.join(new)}", style="dim")

    def stopping(self) -> None:
        """Show in a terminal, whose live lines cover what was said, that members are being stopped."""
        if self._console.is_terminal:
            self._console.print(
                "stopping: each saves once its step is done; Ctrl-C again ends at once", style="yellow"
            )

    def _remove(self, member: MemberExperiment) -> float | None:
        """Remove a member's live line; return when it began, if it did."""
        line = self._lines.pop(member.id, None)
        if line is None:
            return None
        self._bars.remove_task(line.task)
        return line.began

    def _update(self, line: _Line, **fields: object) -> None:
        self._bars.update(line.task, **fields)  # type: ignore[arg-type] # fields of our own columns


def best_text(record: Record) -> str:
    """Return a run's best score on validation, in words."""
    return "" if record.best is None else f"  best {record.monitor} {record.best:.4f}"


def _name(member: MemberExperiment) -> str:
    return f"{member.id}  {member.label}" if member.label else member.id
