"""Reads the numbers under the header of a CSV, a frame a row, and finds the first cell that is none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mabe_core import DataError, let_go, long_array

if TYPE_CHECKING:
    from numpy.typing import NDArray

BOM = b"\xef\xbb\xbf"
# pandas needs several times what the numbers of a piece do
ROWS_AT_ONCE, BYTES_AT_ONCE = 1 << 13, 1 << 20
# what stands for a missing value, as pandas writes and reads it
MISSING = {"", "nan", "na", "n/a", "null", "none", "<na>"}


def read_numbers(
    file: Path, names: Sequence[str], header_lines: int, expected: str
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Return the first column, and the others (rows, columns), NaN where a cell is empty.

    names: of all columns, for messages. Read in pieces, so that hours of it need little more memory than
    their numbers do. Raises DataError naming line and column.
    """
    import pandas as pd

    with file.open("rb") as opened:
        body_at = sum(len(opened.readline()) for _ in range(header_lines))
    rows, commas = _extent(file, body_at)
    width = len(names)
    if not rows:
        raise DataError.at(file, "there is no frame in it, only a header.", header_lines)
    if commas != rows * (width - 1):
        raise _fault(file, body_at, names, header_lines, expected)
    frames = long_array((rows,), np.float64)
    values = long_array((rows, width - 1), np.float32)
    done = 0
    try:
        with pd.read_csv(
            file,
            header=None,
            skiprows=header_lines,
            dtype=np.float64,
            skip_blank_lines=False,
            nrows=rows,
            chunksize=ROWS_AT_ONCE,
            low_memory=False,
        ) as pieces:
            for piece in pieces:
                if piece.shape[1] != width:
                    raise _fault(file, body_at, names, header_lines, expected)
                frames[done : done + len(piece)] = piece[0]
                with np.errstate(
                    over="ignore", invalid="ignore"
                ):  # what is too large becomes infinite, which is told
                    values[done : done + len(piece)] = piece.to_numpy()[:, 1:]
                done += len(piece)
                let_go(frames)
                let_go(values)
    except DataError:
        raise
    except ValueError:  # pandas' parser errors are of this family, as is a cell that is no number
        raise _fault(file, body_at, names, header_lines, expected) from None
    if done != rows:
        raise _fault(file, body_at, names, header_lines, expected)
    return frames, values


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


def _fault(file: Path, body_at: int, names: Sequence[str], header_lines: int, expected: str) -> DataError:
    """Find the first cell or row that does not fit, which the fast way only knows to be there."""
    width = len(names)
    body = file.read_bytes()[body_at:]
    for line, row in enumerate(body.rstrip().split(b"\n"), start=header_lines + 1):
        cells = row.decode("utf-8", errors="replace").strip("\r").split(",")
        if len(cells) != width:
            return DataError.at(
                file,
                f"{len(cells)} cells, not {width}: the file is cut short or damaged here. Export it again.",
                line,
            )
        for number, (cell, name) in enumerate(zip(cells, names, strict=True), start=1):
            if not _is_number(cell):
                return DataError.at(file, f"column {number} ({name}) is not a number: {cell[:40]!r}.", line)
    return DataError.at(file, f"cannot be read as a table of numbers; {expected}.")


def _is_number(cell: str) -> bool:
    if cell.strip().lower() in MISSING:
        return True
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell
