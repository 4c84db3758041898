"""Reads DeepLabCut's CSV: three or four header rows, then a frame a row."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mabe_core import DataError, let_go, long_array
from mabe_plugins.pose_readers.dlc_tracks import Table, columns_of

HEADERS = (["scorer", "individuals", "bodyparts", "coords"], ["scorer", "bodyparts", "coords"])
EXPECTED = (
    "a DeepLabCut CSV starts with rows scorer, individuals (where there are several), bodyparts, coords"
)
BOM = b"\xef\xbb\xbf"
ROWS_AT_ONCE, BYTES_AT_ONCE = 50_000, 1 << 24
# what stands for a missing value, as pandas writes and reads it
MISSING = {"", "nan", "na", "n/a", "null", "none", "<na>"}


def read_csv(file: Path) -> Table:
    """Return the table of one file; raises DataError naming line and column.

    Read in pieces, so that hours of it need little more memory than their numbers do.
    """
    import pandas as pd

    with file.open("rb") as opened:
        head = [opened.readline() for _ in HEADERS[0]]
    levels = _header(b"".join(head).removeprefix(BOM), file)
    body_at = sum(len(line) for line in head[: len(levels)])
    rows, commas = _extent(file, body_at)
    width = len(levels[0])
    if not rows:
        raise DataError.at(file, "there is no frame in it, only a header.", len(levels))
    if commas != rows * (width - 1):
        raise _fault(file, body_at, levels)
    frames = long_array((rows,), np.float64)
    values = long_array((rows, width - 1), np.float32)
    done = 0
    try:
        with pd.read_csv(
            file,
            header=None,
            skiprows=len(levels),
            dtype=np.float64,
            skip_blank_lines=False,
            nrows=rows,
            chunksize=ROWS_AT_ONCE,
            low_memory=False,
        ) as pieces:
            for piece in pieces:
                if piece.shape[1] != width:
                    raise _fault(file, body_at, levels)
                frames[done : done + len(piece)] = piece[0]
                values[done : done + len(piece)] = piece.to_numpy()[:, 1:]
                done += len(piece)
                let_go(frames)
                let_go(values)
    except DataError:
        raise
    except ValueError:  # pandas' parser errors are of this family, as is a cell that is no number
        raise _fault(file, body_at, levels) from None
    if done != rows:
        raise _fault(file, body_at, levels)
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


def _extent(file: Path, start: int) -> tuple[int, int]:
    """Return the number of rows from a byte on, not counting blank ones at the end, and of all commas."""
    ends = commas = blank_ends = 0
    rows = 0
    with file.open("rb") as opened:
        opened.seek(start)
        while block := opened.read(BYTES_AT_ONCE):
            commas += block.count(b",")
            whole = block.rstrip()
            if whole:
                ends += blank_ends + whole.count(b"\n")
                blank_ends = 0
                rows = ends + 1
            blank_ends += block.count(b"\n", len(whole))
    return rows, commas


def _fault(file: Path, body_at: int, levels: Sequence[Sequence[str]]) -> DataError:
    """Find the first cell or row that does not fit, which the fast way only knows to be there."""
    width = len(levels[0])
    body = file.read_bytes()[body_at:]
    for line, row in enumerate(body.rstrip().split(b"\n"), start=len(levels) + 1):
        cells = row.decode("utf-8", errors="replace").strip("\r").split(",")
        if len(cells) != width:
            return DataError.at(
                file,
                f"{len(cells)} cells, not {width}: the file is cut short or damaged here. Export it again.",
                line,
            )
        for number, cell in enumerate(cells):
            if not _is_number(cell):
                name = " ".join(level[number] for level in levels[1:]) if number else "frame number"
                return DataError.at(
                    file, f"column {number + 1} ({name}) is not a number: {cell[:40]!r}.", line
                )
    return DataError.at(file, f"cannot be read as a table of numbers; {EXPECTED}.")


def _is_number(cell: str) -> bool:
    if cell.strip().lower() in MISSING:
        return True
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell
