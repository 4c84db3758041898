"""Whose code is run: plugin files that lie in a run or a model are, once their content was agreed to.

What was agreed to is kept as `<SHA-256>` in a folder of the user's own, so that nobody who hands over a run
can bring an agreement along. Deleting such a file takes it back.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

from mabe_core.errors import Location, Problem, UserError

if TYPE_CHECKING:
    from mabe_core.registry import Origin

FOLDER = "MABE_TRUSTED"
SHA256 = re.compile(r"[0-9a-f]{64}")
# what a folder has that `mabe` keeps: a run, a study, a model, what was pulled
_MARKS = ("record.json", "study.json", "entry.json", "manifest.json")
_ID_LIKE = re.compile(r".+-[0-9a-f]{10}")

# shows plugin files and tells whether they may be run
Ask = Callable[[Sequence["Origin"]], bool]

_ask: ContextVar[Ask | None] = ContextVar("ask", default=None)
# where nothing can be kept, what was agreed to holds as long as the process
_agreed: set[str] = set()


class UntrustedError(UserError):
    """Plugin files that came with a run or a model, and that the user has not agreed to."""


def folder() -> Path:
    """Return where it is kept what was agreed to: $MABE_TRUSTED, else the user's settings."""
    named = os.environ.get(FOLDER)
    if named:
        return Path(named)
    import click

    return Path(click.get_app_dir("mabe"), "trusted")


def is_trusted(sha256: str) -> bool:
    """Tell whether a plugin file of this content may be run."""
    return sha256 in _agreed or (folder() / sha256).is_file()


def trust(sha256: str, name: str) -> None:
    """Let a plugin file of this content be run from now on; name: what it was called, for people."""
    try:
        folder().mkdir(parents=True, exist_ok=True)
        (folder() / sha256).write_text(f"{name}\n", encoding="utf-8", errors="backslashreplace")
    except OSError:
        _agreed.add(sha256)


def trust_used(origins: Iterable[Origin]) -> None:
    """Let local plugin files be run again that were run because the user named them."""
    for origin in origins:
        if origin.sha256 is not None and not is_trusted(origin.sha256):
            trust(origin.sha256, str(origin.file))


def is_kept(place: Path) -> bool:
    """Tell whether a folder is a run's, a study's or a model's, which may have come from anywhere."""
    return any((place / mark).exists() for mark in _MARKS) or bool(_ID_LIKE.fullmatch(place.absolute().name))


@contextlib.contextmanager
def asking(ask: Ask) -> Iterator[None]:
    """Let `ask` decide about what was not agreed to yet; without it, that is refused."""
    token = _ask.set(ask)
    try:
        yield
    finally:
        _ask.reset(token)


def check_trusted(origins: Iterable[Origin]) -> None:
    """Raise UntrustedError, before anything is run, where plugin files were not agreed to."""
    unknown = [origin for origin in origins if not is_trusted(str(origin.sha256))]
    if not unknown:
        return
    ask = _ask.get()
    if ask is None or not ask(unknown):
        raise UntrustedError(
            Problem(
                "this plugin file came with a run or a model, or was edited there. It is code that may do "
                f"whatever you may, and was not run. Read it, then agree to it: `--trust {origin.sha256}`",
                Location(str(origin.file)),
            )
            for origin in unknown
        )
    for origin in unknown:
        trust(str(origin.sha256), str(origin.file))
