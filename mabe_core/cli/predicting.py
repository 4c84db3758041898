"""Predicts recording after recording: what is told, what is written, what failed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from mabe_core.cli import options, say_error
from mabe_core.errors import MabeError, UserError
from mabe_core.exchange import DataAccess
from mabe_core.inference.fitting import Asked, fit_labelled
from mabe_core.inference.formats import file_name
from mabe_core.inference.model import Model, Told
from mabe_core.inference.poses import named_reader, pose_files, read_pose, trained_reader
from mabe_core.inference.prediction import Prediction
from mabe_core.inference.writers import check_writable, prediction_file
from mabe_core.reports.console import console
from mabe_core.training.reading import read_dataset

if TYPE_CHECKING:
    from mabe_core.experiment import Experiment
    from mabe_core.registry import Registry

# predicts one recording, telling how far it is
Job = Callable[[Told], Prediction]


@attrs.frozen
class Output:
    """Where predictions go: a folder, or with a suffix one file for all."""

    path: Path
    form: str
    frames: bool
    force: bool

    @property
    def is_file(self) -> bool:
        return bool(self.path.suffix) and not self.path.is_dir()

    def file_of(self, recording: str) -> Path:
        """Return the file of one recording."""
        return self.path if self.is_file else self.path / file_name(recording, self.form, frames=self.frames)


@attrs.define(eq=False)
class Predicting:
    """One call of `mabe predict`; failed: how many recordings could not be labelled."""

    model: Model
    asked: Asked
    output: Output
    failed: int = 0
    _told: set[str] = attrs.field(factory=set)

    def introduce(self) -> None:
        """Tell which model this is, and what should be known of it."""
        console().print(f"{self.model.told}, on {self.model.members[0].scorer.device}")
        for note in self.model.notes:
            options.warn(note)

    def files(self, words: Sequence[Path], reader_name: str | None, registry: Registry | None) -> None:
        """Label files, and those in folders."""
        member = self.model.members[0]
        reader = named_reader(reader_name, registry) if reader_name and registry else None
        found = pose_files(words, reader or trained_reader(member), besides=self.output.path)

        def job(file: Path, name: str) -> Job:
            def predict(told: Told) -> Prediction:
                tracks = read_pose(file, member, reader)
                return self.model.predict(
                    tracks,
                    fps=self.asked.fps,
                    names=self.asked.names,
                    individuals=self.asked.individuals,
                    resample=self.asked.resample,
                    name=name,
                    where=str(file),
                    told=told,
                )

            return predict

        self._run({name: job(file, name) for name, file in recording_names(found).items()})

    def experiment(self, other: Experiment, access: DataAccess) -> None:
        """Label all recordings of another experiment's data."""
        member = self.model.members[0]

        def job(number: int) -> Job:
            def predict(told: Told) -> Prediction:
                recording = fit_labelled(
                    dataset.recordings[number], member, self.asked.names, resample=self.asked.resample
                )
                return self.model.predict_recording(recording, resample=self.asked.resample, told=told)

            return predict

        dataset = read_dataset(other, access)
        self._run({each.name: job(number) for number, each in enumerate(dataset.recordings)})

    def _run(self, jobs: dict[str, Job]) -> None:
        self._check_free(list(jobs))
        began, frames = time.monotonic(), 0
        with ExitStack() as stack:
            bar = stack.enter_context(_bar())
            if self.output.is_file:
                add = stack.enter_context(self._table(self.output.path))
            for name, job in jobs.items():
                task = bar.add_task(name, total=None)
                try:
                    prediction = job(_teller(bar, task))
                except MabeError as error:
                    if len(jobs) == 1:
                        raise
                    say_error(error)
                    self.failed += 1
                    continue
                finally:
                    bar.remove_task(task)
                if self.output.is_file:
                    add(prediction)
                else:
                    with self._table(self.output.file_of(name)) as write:
                        write(prediction)
                frames += prediction.frames
                self._tell(prediction)
        seconds = time.monotonic() - began
        done = len(jobs) - self.failed
        if done:
            console().print(
                f"{done} recording{'s' * (done != 1)}, {frames:,} frames in {seconds:.1f} s with reading and "
                f"writing ({frames / seconds:,.0f} frames/s); in {self.output.path}"
            )
        if self.failed:
            options.warn(f"{self.failed} of {len(jobs)} recordings could not be labelled: see above")

    def _table(self, file: Path) -> AbstractContextManager[Callable[[Prediction], None]]:
        to = self.output
        return prediction_file(file, self.model.classes, to.form, frames=to.frames, force=to.force)

    def _check_free(self, names: Sequence[str]) -> None:
        """Raise UserError before anything is done where a file is in the way."""
        files = dict.fromkeys(self.output.file_of(name) for name in names)
        there = [str(file) for file in files if file.exists()]
        if there and not self.output.force:
            more = f" and {len(there) - 3} more" if len(there) > 3 else ""
            verb = "exists" if len(there) == 1 else "exist"
            raise UserError(
                f"{', '.join(there[:3])}{more} {verb}; `--force` overwrites, `-o` names another place"
            )
        for one in {file.parent: file for file in files}.values():
            check_writable(one)

    def _tell(self, prediction: Prediction) -> None:
        screen = console()
        for note in prediction.notes:
            if note not in self._told:
                self._told.add(note)
                screen.print(f"note: {note}", style="yellow")
        bouts = Counter(bout.behaviour for bout in prediction.bouts)
        told = ", ".join(f"{count} {name}" for name, count in bouts.most_common()) or "no bouts"
        many = "s" * (prediction.frames != 1)
        screen.print(f"{prediction.recording}: {prediction.frames:,} frame{many}, bouts: {told}")


def _teller(bar: Progress, task: TaskID) -> Told:
    return lambda done, total: bar.update(task, completed=done, total=total)


def recording_names(files: Sequence[Path]) -> dict[str, Path]:
    """Return files by the names of their recordings: without suffix, with the folder where two are alike."""
    stems = Counter(file.stem for file in files)
    named: dict[str, Path] = {}
    for file in files:
        folder = file.absolute().parent.name
        name = file.stem if stems[file.stem] == 1 else f"{folder}-{file.stem}"
        number = 1
        while name in named:
            number += 1
            name = f"{file.stem}-{number}"
        named[name] = file
    return named


@contextmanager
def _bar() -> Iterator[Progress]:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,} frames"))
    screen = console()
    with Progress(
        *columns, TimeRemainingColumn(), console=screen, transient=True, disable=not screen.is_terminal
    ) as bar:
        yield bar
