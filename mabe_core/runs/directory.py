"""The run directory: what lies where, who holds it, and the directories there are."""

from __future__ import annotations

import contextlib
import datetime
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs

from mabe_core.errors import UserError, did_you_mean
from mabe_core.runs import metrics
from mabe_core.runs.checkpoints import checkpoint_names
from mabe_core.runs.files import TEMPORARY, remove, sync_directory, write_synced, writing
from mabe_core.runs.holding import HOLDER, LOCK, cannot_be_written, hold, is_held
from mabe_core.runs.identity import EXPERIMENT_ID, check_id_like

# what a study's folder has, and a run's has not
STUDY = "study.json"


@attrs.frozen
class RunDirectory:
    """`runs/<experiment id>/` and the names in it."""

    path: Path

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def experiment(self) -> Path:
        return self.path / "experiment.yaml"

    @property
    def record(self) -> Path:
        return self.path / "record.json"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def log(self) -> Path:
        return self.path / "log.txt"

    @property
    def plugins(self) -> Path:
        return self.path / "plugins"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def best(self) -> Path:
        return self.path / "best.json"

    @property
    def last(self) -> Path:
        return self.path / "last.json"

    @property
    def scores(self) -> Path:
        return self.path / "scores.json"

    @property
    def score_frames(self) -> Path:
        return self.path / "scores.safetensors"

    def epochs(self) -> list[dict[str, Any]]:
        """Return the lines of metrics.jsonl; raise UserError naming the line that is damaged."""
        return metrics.read_epochs(self.metrics)

    def append_epoch(self, line: dict[str, Any]) -> None:
        """Add one epoch's line and flush it."""
        metrics.append_epoch(self.metrics, line)

    def cut_epochs(self, last_epoch: int) -> list[dict[str, Any]]:
        """Drop what came after the checkpoint that a run resumes from; return what is left."""
        return metrics.cut_epochs(self.metrics, last_epoch)

    def make(self) -> None:
        """Create the directory and its folders."""
        try:
            self.checkpoints.mkdir(parents=True, exist_ok=True)
            self.plugins.mkdir(exist_ok=True)
            sync_directory(self.path.parent)
        except OSError as error:
            raise cannot_be_written(self.path, error) from error

    def contents(self) -> list[Path]:
        """Return what is in it, less what belongs to its holder."""
        if not self.path.is_dir():
            return []
        return [
            entry
            for entry in sorted(self.path.iterdir())
            if entry.name not in (LOCK, HOLDER) and not TEMPORARY.fullmatch(entry.name)
        ]

    def has_results(self) -> bool:
        """Tell whether something was trained here, whatever the record says."""
        return bool(checkpoint_names(self.checkpoints)) or any(
            file.exists() for file in (self.metrics, self.best, self.last)
        )

    def aside(self) -> Path:
        """Return a name, new at each call, to move the run to."""
        stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S-%f")
        return self.path.with_name(f"{self.id}.aside-{stamp}")

    def set_aside(self, aside: Path) -> None:
        """Move the run out of its id's way; nothing is deleted.

        Its holder and the lock stay, so that it is held all the while. The record goes first: where the move
        is cut off, what is left here is told to be damaged and moved by the next `--fresh`.
        """
        with writing(aside):
            aside.mkdir()
            for entry in sorted(self.contents(), key=lambda entry: entry != self.record):
                entry.rename(aside / entry.name)
            sync_directory(aside)
            sync_directory(self.path)
            sync_directory(self.path.parent)

    @contextlib.contextmanager
    def held(self, *, locked: bool = True) -> Iterator[None]:
        """Hold the directory while a process writes into it; `locked` as for `hold`.

        Raises UserError where another process does, naming it, and where it cannot be written to. A run that
        never began leaves no directory behind.
        """
        try:
            with hold(self.path, locked=locked):
                try:
                    yield
                finally:
                    if not self.record.exists() and not self.has_results():
                        self._remove_unbegun()
        finally:
            with contextlib.suppress(OSError):
                self.path.rmdir()  # refuses a directory that has anything in it

    def is_held(self) -> bool:
        """Tell whether some process is running this experiment now."""
        return is_held(self.path)

    def _remove_unbegun(self) -> None:
        """Remove what was written of a run before its record; leave what is not a run's."""
        with contextlib.suppress(OSError):
            for path in (self.experiment, self.plugins, self.checkpoints, self.path / LOCK):
                remove(path)


def all_runs(runs_dir: Path) -> list[RunDirectory]:
    """Return the run directories below a folder, sorted by id; a study's folder is none."""
    folders = (runs_dir / name for name in all_ids(runs_dir))
    return [RunDirectory(folder) for folder in folders if not (folder / STUDY).is_file()]


def all_ids(runs_dir: Path) -> list[str]:
    """Return the ids of the runs and studies below a folder, sorted; raise UserError if it cannot be read."""
    if not runs_dir.is_dir():
        return []
    try:
        with os.scandir(runs_dir) as entries:
            return sorted(
                entry.name for entry in entries if EXPERIMENT_ID.fullmatch(entry.name) and entry.is_dir()
            )
    except OSError as error:
        raise UserError(f"{runs_dir} cannot be read: {error.strerror}") from error


def find_run(runs_dir: Path, beginning: str) -> RunDirectory:
    """Return the run whose id begins so; raise UserError where none or several do."""
    check_id_like(beginning)
    runs = all_runs(runs_dir)
    exact = [run for run in runs if run.id == beginning]
    matching = exact or [run for run in runs if run.id.startswith(beginning)]
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise UserError(f"{beginning!r} fits several runs: {', '.join(run.id for run in matching)}")
    studies = [each for each in all_ids(runs_dir) if each.startswith(beginning)]
    if studies:  # what is no run is a study
        raise UserError(f"{studies[0]} is a study, and this is about one run: name one of its members")
    raise UserError(
        f"no run in {runs_dir} is {beginning!r}.{did_you_mean(beginning, [run.id for run in runs])}"
    )


def copy_plugins(run: RunDirectory, files: Sequence[tuple[str, bytes]]) -> None:
    """Keep the local plugin files that the run uses: names, each different, and contents."""
    with writing(run.plugins):
        remove(run.plugins)
        run.plugins.mkdir(parents=True)
        for name, content in files:
            write_synced(run.plugins / name, content)
        sync_directory(run.plugins)
