"""Changes the structure of tables in text files: rows, columns, headers, numbers."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

Rows = list[list[str]]

NUMBERS = [
    *("0", "-1", "-0.0", "1e308", "1e-320", "1e400", "nan", "inf", "-inf", "99999999999", "9" * 400),
    *("0x10", "1_000", "1,5", "١٢", "", " ", "NA", "None", "true", "3.7", "1e5"),
]
WORDS = [
    *("x", "likelihood", "coords", "START", "STOP", "POINT", "", "individual1", "S1:", "\x1b[31m", "=1+1"),
    *("<b>", "é", "a" * 5000, "\0", '"', "../x", "S2:\tstart\tend\ttype", "Configuration file:"),
]


def changed(text: str, chance: random.Random, times: int) -> str:
    """Return the text of a table with so many things done to its rows and cells."""
    separator = max(",\t ", key=text.count)
    rows = [line.split(separator) for line in text.split("\n")]
    for _ in range(times):
        _CHANGES[chance.randrange(len(_CHANGES))](rows, chance)
        rows = rows or [[]]
    return "\n".join(separator.join(cells) for cells in rows)


def _some_row(rows: Rows, chance: random.Random) -> int:
    """Return the index of a row, of one of the first every other time: that is where headers are."""
    return chance.randrange(min(len(rows), 20) if chance.random() < 0.5 else len(rows))


def _drop_row(rows: Rows, chance: random.Random) -> None:
    del rows[_some_row(rows, chance)]


def _repeat_row(rows: Rows, chance: random.Random) -> None:
    rows.insert(_some_row(rows, chance), list(chance.choice(rows)))


def _exchange_rows(rows: Rows, chance: random.Random) -> None:
    one, other = _some_row(rows, chance), _some_row(rows, chance)
    rows[one], rows[other] = rows[other], rows[one]


def _drop_column(rows: Rows, chance: random.Random) -> None:
    column = chance.randrange(max(map(len, rows)) or 1)
    for cells in rows:
        del cells[column : column + 1]


def _exchange_columns(rows: Rows, chance: random.Random) -> None:
    width = max(map(len, rows)) or 1
    one, other = chance.randrange(width), chance.randrange(width)
    first = chance.choice([0, _some_row(rows, chance)])
    for cells in rows[first:]:
        if max(one, other) < len(cells):
            cells[one], cells[other] = cells[other], cells[one]


def _cell(words: list[str]) -> Callable[[Rows, random.Random], None]:
    def change(rows: Rows, chance: random.Random) -> None:
        cells = rows[_some_row(rows, chance)]
        if cells:
            cells[chance.randrange(len(cells))] = chance.choice(words)

    return change


def _scaled(rows: Rows, chance: random.Random) -> None:
    """Bring one number out of its range."""
    cells = rows[_some_row(rows, chance)]
    numbers = [at for at, cell in enumerate(cells) if re.fullmatch(r"-?\d+(\.\d+)?", cell)]
    if numbers:
        at = chance.choice(numbers)
        cells[at] = repr(float(cells[at]) * chance.choice([-1, 1000, 1e-6, 1e30]))


def _cut_row(rows: Rows, chance: random.Random) -> None:
    cells = rows[_some_row(rows, chance)]
    del cells[chance.randrange(len(cells) + 1) :]


def _longer_row(rows: Rows, chance: random.Random) -> None:
    rows[_some_row(rows, chance)].append(chance.choice(NUMBERS))


def _cut_table(rows: Rows, chance: random.Random) -> None:
    del rows[_some_row(rows, chance) :]


def _only_header(rows: Rows, chance: random.Random) -> None:
    del rows[chance.randrange(1, 20) :]


def _other_separator(rows: Rows, chance: random.Random) -> None:
    other = chance.choice([";", "\t", ",", " "])
    first = chance.choice([0, _some_row(rows, chance)])
    for at in range(first, len(rows) if chance.random() < 0.5 else min(first + 1, len(rows))):
        rows[at] = [other.join(rows[at])]


_CHANGES: list[Callable[[Rows, random.Random], None]] = [
    *(_drop_row, _repeat_row, _exchange_rows, _drop_column, _exchange_columns, _cell(NUMBERS), _cell(WORDS)),
    *(_scaled, _cut_row, _longer_row, _cut_table, _only_header, _other_separator),
]
