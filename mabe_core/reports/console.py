"""The terminal that tables are written to; what they show is text, never markup."""

from __future__ import annotations

import os
import sys

from rich.console import Console


class SteadyConsole(Console):
    """A console whose reader may go away: what it would show is dropped, and the run goes on."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def console(*, stderr: bool = False) -> Console:
    """Return a console without markup, emoji or highlighting; wide where it is no terminal."""
    plain = SteadyConsole(stderr=stderr, markup=False, emoji=False, highlight=False, soft_wrap=False)
    if not plain.is_terminal:
        plain.width = 200
    return plain
