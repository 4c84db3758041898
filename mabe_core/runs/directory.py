"""The run directory: what lies where, who holds it, and the directories there are."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import filelock

from mabe_core.errors import UserError, did_you_mean
from mabe_core.runs.files import read_json, sync_directory, write_json
from mabe_core.runs.identity import EXPERIMENT_ID, check_id_like

HOLDER = "holder.json"


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

    def epochs(self) -> list[dict[str, Any]]:
        """Return the lines of metrics.jsonl; a torn last line is ignored."""
        try:
            lines = self.metrics.read_bytes().split(b"\n")
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in lines[:-1]]

    def append_epoch(self, line: dict[str, Any]) -> None:
        """Add one epoch's line and flush it."""
        with self.metrics.open("ab") as file:
            file.write(json.dumps(line).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def cut_epochs(self, last_epoch: int) -> list[dict[str, Any]]:
        """Drop what came after the checkpoint that a run resumes from; return what is left."""
        kept = [line for line in self.epochs() if line["epoch"] <= last_epoch]
        temporary = self.metrics.with_name(f".{self.metrics.name}.{os.getpid()}.tmp")
        temporary.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
        temporary.replace(self.metrics)
        return kept

    def make(self) -> None:
        """Create the directory and its folders."""
        self.checkpoints.mkdir(parents=True, exist_ok=True)
        self.plugins.mkdir(exist_ok=True)
        sync_directory(self.path.parent)

    def set_aside(self) -> Path:
        """Move the run out of its id's way; nothing is deleted. Return where it is now."""
        stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S-%f")
        aside = self.path.with_name(f"{self.id}.aside-{stamp}")
        self.path.rename(aside)
        return aside

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold the directory while a process writes into it.

        Raises UserError naming host and process where another one does. The lock is the operating system's,
        so it ends with its process and is never stale.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        lock = self._lock()
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout as error:
            holder = read_json(self.path / HOLDER) or {}
            raise UserError(
                f"{self.id} is being run by process {holder.get('pid', '?')} on {holder.get('host', '?')} "
                f"since {holder.get('since', '?')}. Wait for it, or stop that process."
            ) from error
        try:
            now = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
            write_json(self.path / HOLDER, {"pid": os.getpid(), "host": os.uname().nodename, "since": now})
            yield
        finally:
            (self.path / HOLDER).unlink(missing_ok=True)
            lock.release()
            if self.path.exists() and not self.record.exists():
                self._remove_empty()

    def is_held(self) -> bool:
        """Tell whether some process is running this experiment now."""
        if not (self.path / ".lock").exists():
            return False
        lock = self._lock()
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            return True
        lock.release()
        return False

    def _remove_empty(self) -> None:
        """Remove what holding left of a run that never began."""
        (self.path / ".lock").unlink(missing_ok=True)
        if not any(self.path.iterdir()):
            self.path.rmdir()

    def _lock(self) -> filelock.BaseFileLock:
        return filelock.FileLock(self.path / ".lock", is_singleton=False)


def all_runs(runs_dir: Path) -> list[RunDirectory]:
    """Return the run directories below a folder, sorted by id."""
    if not runs_dir.is_dir():
        return []
    names = sorted(entry.name for entry in runs_dir.iterdir() if EXPERIMENT_ID.fullmatch(entry.name))
    return [RunDirectory(runs_dir / name) for name in names]


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
    raise UserError(
        f"no run in {runs_dir} is {beginning!r}.{did_you_mean(beginning, [run.id for run in runs])}"
    )


def copy_plugins(run: RunDirectory, files: list[tuple[str, bytes]]) -> None:
    """Keep the local plugin files that the run uses."""
    shutil.rmtree(run.plugins, ignore_errors=True)
    run.plugins.mkdir(parents=True)
    for name, content in files:
        (run.plugins / name).write_bytes(content)
