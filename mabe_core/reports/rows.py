"""Rows under titles, as a table where the terminal is wide enough, else one below the other."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

GAP = 2


def print_rows(
    screen: Console,
    titles: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: Collection[str] = (),
    below: Collection[str] = (),
) -> None:
    """Print rows, each with a cell a title; columns that are empty in all of them are left out.

    right: titles of columns that are aligned to the right. Where they do not fit side by side, the columns
    in `below` are printed below each row; where that is not enough either, all but the first, which stands
    whole on a line of its own, so that it can be copied.
    """
    kept = [number for number, _ in enumerate(titles) if number == 0 or any(row[number] for row in rows)]
    widths = {number: max(cell_len(text[number]) for text in (titles, *rows)) for number in kept}
    beside = kept
    if not _fits(screen, widths, beside):
        beside = [number for number in kept if titles[number] not in below]
    if not _fits(screen, widths, beside):
        beside = kept[:1]
    under = [number for number in kept if number not in beside]
    to_right = {number for number in beside if titles[number] in right}

    def line(cells: Sequence[str]) -> str:
        padded = []
        for number in beside:
            space = " " * (widths[number] - cell_len(cells[number])) if len(beside) > 1 else ""
            padded.append(space + cells[number] if number in to_right else cells[number] + space)
        return (" " * GAP).join(padded).rstrip()

    if len(beside) > 1:
        screen.print(Text(line(titles), style="bold"), soft_wrap=True)
    if not under:
        # one call for all: rich needs a millisecond for each
        screen.print(Text("\n".join(map(line, rows))), soft_wrap=True)
        return
    for row in rows:
        screen.print(Text(line(row), style="bold" if len(beside) == 1 else ""), overflow="fold")
        cells = [f"{titles[number]} {row[number]}" for number in under if row[number]]
        for wrapped in _wrapped(cells, screen.width):
            screen.print(Text(wrapped), overflow="fold")


def _fits(screen: Console, widths: Mapping[int, int], numbers: Sequence[int]) -> bool:
    return sum(widths[number] for number in numbers) + GAP * (len(numbers) - 1) <= screen.width


def _wrapped(cells: Sequence[str], width: int) -> Iterator[str]:
    """Yield lines of whole cells, indented."""
    line = ""
    for cell in cells:
        if line and cell_len(line) + cell_len(cell) + GAP > width:
            yield line
            line = ""
        line = f"{line}{' ' * GAP}{cell}"
    if line:
        yield line
