"""Files that are whole or absent: written to a temporary name, flushed, then renamed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def sync_directory(folder: Path) -> None:
    """Flush a directory, so that the names in it survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_synced(path: Path, content: bytes) -> None:
    """Write a file and flush it; for files whose folder is renamed into place as a whole."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def write_whole(path: Path, content: bytes | str) -> None:
    """Replace a file so that a reader, or a crash, sees the old content or the new, never a part."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    write_synced(temporary, content.encode() if isinstance(content, str) else content)
    temporary.replace(path)
    sync_directory(path.parent)


def write_json(path: Path, value: Any) -> None:
    """Replace a JSON file as write_whole does."""
    write_whole(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=True) + "\n")


def read_json(path: Path) -> Any | None:
    """Return the value of a JSON file, or None where it is missing or damaged."""
    try:
        return json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
