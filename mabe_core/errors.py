"""What a user did wrong, told so that it can be mended: where, what, and the nearest valid word."""

from __future__ import annotations

import difflib
import sys
import traceback
from collections.abc import Iterable, Sequence
from pathlib import Path

import attrs

from mabe_core.redaction import redacted


@attrs.frozen
class Location:
    """A place in a file that a user wrote; `line` counts from 1."""

    file: str
    line: int | None = None

    def __str__(self) -> str:
        return self.file if self.line is None else f"{self.file}:{self.line}"


@attrs.frozen
class Problem:
    """One thing that is wrong: `file:line: path: what is wrong. What to do.`"""

    message: str
    location: Location | None = None
    path: str = ""

    def __str__(self) -> str:
        where = [str(self.location)] if self.location else []
        return ": ".join([*where, *([self.path] if self.path else []), self.message])


class MabeError(ValueError):
    """The family of errors that end a command with a message and no traceback.

    `exit_code` is 2 for what the user can mend and 1 for what failed while running.
    """

    exit_code = 1

    def __str__(self) -> str:
        return redacted(super().__str__())


class UserError(MabeError):
    """One or more problems in what the user gave, collected and reported together."""

    exit_code = 2

    def __init__(self, problems: str | Problem | Iterable[Problem]) -> None:
        if isinstance(problems, str):
            problems = Problem(problems)
        self.problems: tuple[Problem, ...] = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class DataError(UserError):
    """A recording or annotation file that does not fit what is expected of it."""

    @classmethod
    def at(cls, file: Path | str, message: str, line: int | None = None) -> DataError:
        """Build the error for one line (from 1) of one file."""
        return cls(Problem(message, Location(str(file), line)))


class RunError(MabeError):
    """A failure while running that is no mistake of the user's."""


def nearest(word: str, words: Iterable[str], likeness: float = 0.6) -> str | None:
    """Return the valid word most like `word`, or None when nothing is near; likeness: how near, up to 1."""
    by_folded = {str(valid).casefold(): str(valid) for valid in words}
    found = difflib.get_close_matches(str(word).casefold(), by_folded, n=1, cutoff=likeness)
    return by_folded[found[0]] if found else None


# valid words that a message lists; there may be thousands of runs
MOST = 30


def did_you_mean(word: str, words: Sequence[str]) -> str:
    """Return ` Did you mean 'x'?`, or the valid words when none is near."""
    guess = nearest(word, words)
    if guess is not None:
        return f" Did you mean '{guess}'?"
    more = f" and {len(words) - MOST:,} more" if len(words) > MOST else ""
    return f" Valid: {', '.join(words[:MOST])}{more}." if words else ""


def raised_at(error: BaseException, module: str, file: Path | None = None) -> str:
    """Return `file:line: ` of the deepest line of a module's package that raised, or nothing.

    file: where the module is, for one that failed while it was imported.
    """
    line = raising_line(error, module, file)
    return f"{line}: " if line else ""


def raising_line(error: BaseException, module: str, file: Path | None = None) -> Location | None:
    """Return the deepest line of a module's package that raised, if one did; arguments as of raised_at."""
    package = module.partition(".")[0]
    source = str(file) if file else getattr(sys.modules.get(module), "__file__", None)
    own = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == source or package in Path(frame.filename).with_suffix("").parts
    ]
    return Location(own[-1].filename, own[-1].lineno) if own else None
