"""Who holds a run directory: one process at a time may write into it."""

from __future__ import annotations

import contextlib
import datetime
import os
import platform
from collections.abc import Iterator
from pathlib import Path

import filelock

from mabe_core.errors import UserError
from mabe_core.runs.files import read_json, remove_leftovers, write_json

LOCK = ".lock"
HOLDER = "holder.json"
# seconds to wait for whoever only looks whether the folder is held
PATIENCE = 0.3


class HeldError(UserError):
    """Another process holds the folder."""


@contextlib.contextmanager
def hold(folder: Path, *, locked: bool = True) -> Iterator[None]:
    """Hold a folder, which is made where there is none, and clear what crashes left in it.

    locked: whether the lock keeps others out; without it somebody else has to, as on a Modal Volume, whose
    files cannot be locked.
    Raises UserError naming host and process where another one holds it, or why it cannot be written to. The
    lock is the operating system's, so it ends with its process and is never stale.
    """
    lock = _lock(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if locked:
            lock.acquire(timeout=PATIENCE)
    except filelock.Timeout as error:
        raise held_by_other(folder) from error
    except (OSError, NotImplementedError) as error:
        raise cannot_be_written(folder, error) from error
    try:
        remove_leftovers(folder)
        now = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
        write_json(folder / HOLDER, {"pid": os.getpid(), "host": platform.node(), "since": now})
        yield
    finally:
        with contextlib.suppress(OSError):
            (folder / HOLDER).unlink(missing_ok=True)
        lock.release()


def is_held(folder: Path) -> bool:
    """Tell whether some process holds a folder now."""
    if not (folder / LOCK).exists():
        return False
    lock = _lock(folder)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        return True
    except (OSError, NotImplementedError):
        # somebody else's folder: only its holder's note can be asked
        return (folder / HOLDER).exists()
    lock.release()
    return False


def holder_lives(folder: Path) -> bool:
    """Tell whether a folder's holder seems to live, by its note alone: whoever only watches takes no lock.

    A holder on another machine is taken to live.
    """
    holder = read_json(folder / HOLDER)
    if not isinstance(holder, dict) or type(holder.get("pid")) is not int:
        return False
    if holder.get("host") != platform.node() or os.name == "nt":  # there, signal 0 would end the process
        return True
    try:
        os.kill(holder["pid"], 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def held_by_other(folder: Path) -> HeldError:
    """Return the error that says who holds a folder."""
    found = read_json(folder / HOLDER)
    holder = found if isinstance(found, dict) else {}
    return HeldError(
        f"{folder.name} is being run by process {holder.get('pid', '?')} on {holder.get('host', '?')} "
        f"since {holder.get('since', '?')}. Wait for it, or stop that process."
    )


def cannot_be_written(folder: Path, error: BaseException) -> UserError:
    """Return the error that says why a folder cannot be written to."""
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return UserError(f"{folder} cannot be written: {reason}. Name another folder with --runs-dir.")


def _lock(folder: Path) -> filelock.BaseFileLock:
    return filelock.FileLock(folder / LOCK, is_singleton=False)
