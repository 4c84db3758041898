"""Rows under titles, as a table where the terminal is wide enough, else one below the other."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

GAP = 2


def print_rows(
    screen: Console, titles: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = ()
) -> None:
    """Print rows, each with a cell a title; columns that are empty in all of them are left out.

    right: titles of columns that are aligned to the right. What does not fit side by side is printed with
    the first column on a line of its own, whole, so that it can be copied.
    """
    kept = [number for number, _ in enumerate(titles) if number == 0 or any(row[number] for row in rows)]
    widths = {number: max(cell_len(text[number]) for text in (titles, *rows)) for number in kept}
    if sum(widths.values()) + GAP * (len(kept) - 1) > screen.width:
        _print_below(screen, titles, rows, kept)
        return
    to_right = {number for number in kept if titles[number] in right}

    def line(cells: Sequence[str]) -> str:
        padded = []
        for number in kept:
            space = " " * (widths[number] - cell_len(cells[number]))
            padded.append(space + cells[number] if number in to_right else cells[number] + space)
        return (" " * GAP).join(padded).rstrip()

    screen.print(Text(line(titles), style="bold"), soft_wrap=True)
    # one call for all: rich needs a millisecond for each
    screen.print(Text("\n".join(map(line, rows))), soft_wrap=True)


def _print_below(
    screen: Console, titles: Sequence[str], rows: Sequence[Sequence[str]], kept: Sequence[int]
) -> None:
    for row in rows:
        screen.print(Text(row[kept[0]], style="bold"), overflow="fold")
        line = ""
        for number in kept[1:]:
            if not row[number]:
                continue
            cell = f"{titles[number]} {row[number]}"
            if line and cell_len(line) + cell_len(cell) + GAP > screen.width:
                screen.print(Text(line))
                line = ""
            line = f"{line}{' ' * GAP}{cell}"
        if line:
            screen.print(Text(line), overflow="fold")
