"""Files that are whole or absent: written to a temporary name, flushed, then renamed."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from mabe_core.errors import RunError

TEMPORARY = re.compile(r"\..+\.\d+\.tmp")
# a full disk, or a full share of one
NO_SPACE = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}


def temporary_name(path: Path) -> Path:
    """Return the name under which this process writes a file or folder before it is renamed."""
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


@contextlib.contextmanager
def writing(path: Path, needs: int | None = None) -> Iterator[None]:
    """Turn what the system refuses while a path is written into a RunError that names path and reason.

    needs: bytes, told beside what is free where the disk is full.
    """
    try:
        yield
    except OSError as error:
        raise RunError(f"{path} cannot be written: {_reason(error, path, needs)}") from error


def _reason(error: OSError, path: Path, needs: int | None) -> str:
    reason = error.strerror or str(error)
    if error.errno not in NO_SPACE:
        return reason
    try:
        free = f"{size_text(shutil.disk_usage(path.parent).free)} are free"
    except OSError:
        free = "little is free"
    needed = f"It needs {size_text(needs)}, and {free}" if needs is not None else free
    return f"{reason}. {needed}. Make room; what was saved before is whole"


def size_text(size: int) -> str:
    """Return bytes in the unit that people read them in."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} bytes"


def sync_directory(folder: Path) -> None:
    """Flush a directory, so that the names in it survive a power cut; Windows cannot, and need not."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_synced(path: Path, content: bytes) -> None:
    """Write and flush a file whose folder is renamed into place as a whole; inside `writing`."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def write_whole(path: Path, content: bytes | str) -> None:
    """Replace a file so that a reader, or a crash, sees the old content or the new, never a part.

    File names that are not UTF-8 reach text as surrogates: they are written as `\\udcxx`, as JSON and YAML
    have it.
    """
    temporary = temporary_name(path)
    data = content.encode(errors="backslashreplace") if isinstance(content, str) else content
    with writing(path, len(data)):
        try:
            write_synced(temporary, data)
            temporary.replace(path)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
        sync_directory(path.parent)


def write_json(path: Path, value: Any) -> None:
    """Replace a JSON file as write_whole does."""
    write_whole(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=True) + "\n")


def read_json(path: Path) -> Any | None:
    """Return the value of a JSON file, or None where it is missing or damaged."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None


def remove(path: Path) -> None:
    """Remove a file, a link or a folder with all in it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def oldest_first(files: Iterable[Path]) -> list[tuple[Path, int]]:
    """Return files and their bytes, the oldest first, without those that somebody removes meanwhile."""
    found = []
    for file in files:
        with contextlib.suppress(OSError):
            about = file.stat()
            found.append((about.st_mtime, file, about.st_size))
    return [(file, size) for _, file, size in sorted(found)]


def remove_oldest(files: Iterable[Path], limit: int) -> int:
    """Remove files, the oldest first, until they have no more bytes than `limit`; return how many."""
    found = oldest_first(files)
    left = sum(size for _, size in found)
    removed = 0
    for file, size in found:
        if left <= limit:
            break
        left -= size
        with contextlib.suppress(OSError):
            file.unlink()
            removed += 1
    return removed


def remove_leftovers(folder: Path) -> None:
    """Remove what writes that were cut off left in a folder that nobody else writes to."""
    for entry in folder.iterdir():
        if TEMPORARY.fullmatch(entry.name):
            with contextlib.suppress(OSError):
                remove(entry)
