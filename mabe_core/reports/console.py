"""The terminal that tables are written to; what they show is text, never markup."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import IO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from mabe_core.reports.visible import seen


class SteadyConsole(Console):
    """A console that shows what files say and no more: what would steer the terminal is spelled out.

    Its reader may go away: what it would show then is dropped, and the run goes on.
    """

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            text, style, control = segment
            yield segment if control or text.isprintable() else Segment(seen(text, lines=True), style)

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


def written(file: IO[str], width: int = 200) -> Console:
    """Return a console that writes to a file, without colours."""
    return SteadyConsole(
        file=file, width=width, markup=False, emoji=False, highlight=False, color_system=None
    )
