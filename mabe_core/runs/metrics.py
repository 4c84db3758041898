"""The lines of metrics.jsonl: one an epoch, appended; a torn last line does not count."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from mabe_core.errors import Location, Problem, UserError
from mabe_core.runs.files import write_whole, writing

_NUMBERS = ("train_loss", "seconds", "steps_per_second")


def read_epochs(file: Path) -> list[dict[str, Any]]:
    """Return the lines; raise UserError naming file and line where a whole one is no epoch.

    What follows the last end of line was torn by a crash, and is left out.
    """
    try:
        lines = file.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UserError(Problem(f"cannot be read: {error.strerror}", Location(str(file)))) from error
    return [_epoch(file, number, line) for number, line in enumerate(lines[:-1], start=1)]


def append_epoch(file: Path, line: dict[str, Any]) -> None:
    """Add one epoch's line and flush it."""
    with writing(file), file.open("ab") as opened:
        opened.write(json.dumps(line).encode() + b"\n")
        opened.flush()
        os.fsync(opened.fileno())


def cut_epochs(file: Path, last_epoch: int) -> list[dict[str, Any]]:
    """Drop the epochs after a given one, and a torn line; return what is left."""
    kept = [line for line in read_epochs(file) if line["epoch"] <= last_epoch]
    write_whole(file, "".join(json.dumps(line) + "\n" for line in kept))
    return kept


def _epoch(file: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not _is_epoch(found):
        raise UserError(
            Problem(
                "is not the line of an epoch. Mend or delete this line, or train again with `--fresh`, which "
                "moves the old run aside",
                Location(str(file), number),
            )
        )
    return found


def _is_epoch(found: dict[str, Any]) -> bool:
    numbers = [value for key, value in found.items() if key.startswith("val_") or key in _NUMBERS]
    confusion = found.get("confusion", [])
    return (
        type(found.get("epoch")) is int
        and all(isinstance(value, int | float) or value is None for value in numbers)
        and isinstance(confusion, list)
        and all(isinstance(row, list) and all(type(count) is int for count in row) for row in confusion)
    )
