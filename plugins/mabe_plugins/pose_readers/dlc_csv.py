"""Reads DeepLabCut's CSV: three or four header rows, then a frame a row."""

from __future__ import annotations

import csv
from pathlib import Path

from mabe_core import DataError
from mabe_plugins.pose_readers.dlc_tracks import Table, columns_of
from mabe_plugins.pose_readers.number_table import BOM, read_numbers

HEADERS = (["scorer", "individuals", "bodyparts", "coords"], ["scorer", "bodyparts", "coords"])
EXPECTED = (
    "a DeepLabCut CSV starts with rows scorer, individuals (where there are several), bodyparts, coords"
)


def read_csv(file: Path) -> Table:
    """Return the table of one file; raises DataError naming line and column."""
    with file.open("rb") as opened:
        head = [opened.readline() for _ in HEADERS[0]]
    levels = _header(b"".join(head).removeprefix(BOM), file)
    names = [
        "frame number",
        *(" ".join(column) for column in zip(*(row[1:] for row in levels[1:]), strict=True)),
    ]
    frames, values = read_numbers(file, names, len(levels), EXPECTED)
    return Table(columns_of([level[1:] for level in levels]), values, frames, first_line=len(levels) + 1)


def _header(data: bytes, file: Path) -> list[list[str]]:
    """Return the header rows, told by their first cells."""
    if not data.strip():
        raise DataError.at(file, f"the file is empty; {EXPECTED}.")
    try:
        lines = [line.decode("utf-8") for line in data.split(b"\n", 4)[:4]]
        rows = [next(csv.reader([line]), []) or [""] for line in lines]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError.at(file, f"this is not text; {EXPECTED}.", 1) from error
    firsts = [row[0].strip().lower() for row in rows]
    wanted = HEADERS[1] if firsts[1:2] == ["bodyparts"] else HEADERS[0]
    for number, want in enumerate(wanted):
        if number >= len(rows) or firsts[number] != want:
            found = repr(firsts[number][:40]) if number < len(rows) else "the end of the file"
            raise DataError.at(file, f"found {found} where {want!r} belongs: {EXPECTED}.", number + 1)
    levels = [[cell.strip() for cell in row] for row in rows[: len(wanted)]]
    for number, level in enumerate(levels):
        if len(level) != len(levels[0]):
            raise DataError.at(
                file, f"this header row has {len(level)} cells, the first one {len(levels[0])}.", number + 1
            )
        if "" in level[1:]:
            raise DataError.at(file, f"column {level.index('', 1) + 1} has no name in this row.", number + 1)
    if len(levels[0]) < 2:
        raise DataError.at(file, f"there are no columns of points; {EXPECTED}.", 1)
    return levels
