"""Writes predictions to a file, which is there whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO

from mabe_core.errors import RunError, UserError
from mabe_core.inference import tables
from mabe_core.inference.boris_project import boris
from mabe_core.inference.calms21_file import calms21
from mabe_core.inference.formats import check_format
from mabe_core.inference.prediction import Prediction
from mabe_core.inference.submission import kaggle
from mabe_core.runs.files import temporary_name, writing

# given a file and the classes, yields what adds a recording's prediction, and ends the file
Writer = Callable[[IO[str], Sequence[str]], AbstractContextManager[Callable[[Prediction], None]]]

# of each of FORMATS; "frames" is csv with a row a frame
WRITERS: dict[str, Writer] = {
    "csv": tables.bouts,
    "frames": tables.frames,
    "boris": boris,
    "boris_events": tables.boris_events,
    "kaggle": kaggle,
    "calms21": calms21,
}


@contextlib.contextmanager
def prediction_file(
    file: Path, classes: Sequence[str], form: str, *, frames: bool = False, force: bool = False
) -> Iterator[Callable[[Prediction], None]]:
    """Open a file and yield what adds a prediction; it is there once all are added, or not at all.

    form, frames: as for `check_format`. Raises UserError where there is a file, unless `force`.
    """
    check_format(form, frames=frames)
    if file.exists() and not force:
        raise UserError(f"{file} exists; `--force` overwrites it, `-o` names another")
    temporary = temporary_name(file)
    try:
        with writing(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as opened:
                with WRITERS["frames" if frames else form](opened, classes) as add:
                    yield add
                opened.flush()
                os.fsync(opened.fileno())
            temporary.replace(file)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def check_writable(file: Path) -> None:
    """Raise UserError where a file cannot be made, before hours are spent on what it is to hold.

    Its folder is made.
    """
    try:
        if file.is_dir():
            raise UserError(f"{file} is a folder: name a file, or another folder with -o")
        with writing(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            temporary = temporary_name(file)
            temporary.open("xb").close()
            temporary.unlink()
    except RunError as error:
        raise UserError(f"{error}. Name another place with -o") from error
