"""A registry that is a folder here: `models/<name>/<version>/` and `models/<name>/history/`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import attrs
import filelock

from mabe_core.errors import UserError, did_you_mean
from mabe_core.models.history import EVENT_FILE, REMEDY, Event, Names, check_name, event_text, parse_event
from mabe_core.models.naming import Change
from mabe_core.runs.files import remove_leftovers, write_whole

LOCK = ".lock"
# seconds to wait for others that write; each holds the lock for a few files only
PATIENCE = 60.0
# seconds between two tries; where it is long, whoever just had the lock gets it again and again
TRY_EVERY = 0.003


@attrs.frozen
class ModelFolder:
    """The models below one folder."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def names(self) -> list[str]:
        """Return the names that there are, sorted."""
        if not self.path.is_dir():
            return []
        return sorted(entry.name for entry in self.path.iterdir() if self._numbers(entry.name))

    def read(self, name: str) -> Names:
        """Return how a name stands; raise UserError where there is no such name."""
        numbers = self._numbers(check_name(name))
        if not numbers:
            names = self.names()
            raise UserError(f"no model in {self.path} is named {name!r}.{did_you_mean(name, names)}")
        return self._event(name, numbers[-1]).after

    def history(self, name: str) -> list[Event]:
        """Return all events of a name, the first first."""
        self.read(name)
        return [self._event(name, number) for number in self._numbers(name)]

    def faults(self, name: str) -> list[str]:
        """Return what is wrong with a name's history: events that are missing, damaged, or cannot be read."""
        numbers = self._numbers(name)
        told = [
            f"{self._file(name, number)} is missing"
            for number in range(1, max(numbers, default=0))
            if number not in numbers
        ]
        for number in numbers:
            try:
                self._event(name, number)
            except UserError as error:
                told.append(str(error))
        return told

    def entry(self, name: str, number: int) -> Path:
        """Return the folder of one version."""
        return self.path / name / str(number)

    def change(self, name: str, change: Change) -> Event | None:
        """Add one event, others waiting meanwhile; return it."""
        with self.locked(name):
            numbers = self._numbers(name)
            if numbers != list(range(1, len(numbers) + 1)):
                raise UserError(
                    f"the history of {name} in {self.path} lacks an event: it was changed by hand. {REMEDY}"
                )
            event = change(self._event(name, numbers[-1]).after if numbers else Names(), len(numbers) + 1)
            if event is not None:
                write_whole(self._file(name, event.number), event_text(event))
            return event

    def version_folders(self, name: str) -> list[int]:
        """Return the numbers of the folders that there are, in the history or not."""
        folder = self.path / name
        return sorted(int(entry.name) for entry in folder.iterdir() if entry.name.isdigit())

    @contextlib.contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Keep other writers of a name out, and clear what crashes left; not to be taken twice.

        The lock is the operating system's, so that it ends with its process.
        """
        folder = self.path / check_name(name)
        try:
            (folder / "history").mkdir(parents=True, exist_ok=True)
            lock = filelock.FileLock(folder / LOCK, is_singleton=False)
            lock.acquire(timeout=PATIENCE, poll_interval=TRY_EVERY)
        except filelock.Timeout as error:
            raise UserError(
                f"another process has been writing to {folder} for a minute: wait for it"
            ) from error
        except (OSError, NotImplementedError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise UserError(
                f"{folder} cannot be written: {reason}. Name another with --models-dir"
            ) from error
        try:
            remove_leftovers(folder)
            remove_leftovers(folder / "history")
            yield
        finally:
            lock.release()

    def _numbers(self, name: str) -> list[int]:
        folder = self.path / name / "history"
        if not folder.is_dir():
            return []
        return sorted(
            int(match[1]) for entry in folder.iterdir() if (match := EVENT_FILE.fullmatch(entry.name))
        )

    def _event(self, name: str, number: int) -> Event:
        file = self._file(name, number)
        try:
            return parse_event(file.read_bytes(), str(file))
        except OSError as error:
            raise UserError(f"{file} cannot be read: {error.strerror}") from error

    def _file(self, name: str, number: int) -> Path:
        return self.path / name / "history" / f"{number:06d}.json"
