"""The terminal that tables are written to; what they show is text, never markup."""

from __future__ import annotations

from rich.console import Console


def console(*, stderr: bool = False) -> Console:
    """Return a console without markup, emoji or highlighting; wide where it is no terminal."""
    plain = Console(stderr=stderr, markup=False, emoji=False, highlight=False, soft_wrap=False)
    if not plain.is_terminal:
        plain.width = 200
    return plain
