"""Collects what is wrong with the files of a dataset, to be told together."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from mabe_core import DataError, Problem

SHOWN = 20


class Faults:
    """The problems of files that were read so far."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    @contextlib.contextmanager
    def told(self, file: Path) -> Iterator[None]:
        """Keep what is wrong with a file, and go on."""
        try:
            yield
        except DataError as error:
            self.problems += error.problems
        except OSError as error:
            told = DataError.at(error.filename or file, f"cannot be read: {error.strerror}.")
            self.problems += told.problems

    def raise_all(self) -> None:
        """Raise DataError if anything was wrong, of a screenful of problems and the number of the others."""
        if len(self.problems) > SHOWN:
            rest = Problem(f"… and {len(self.problems) - SHOWN} more problems in these files.")
            raise DataError([*self.problems[:SHOWN], rest])
        if self.problems:
            raise DataError(self.problems)
