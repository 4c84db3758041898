"""Reads a table that SimBA wrote, a frame a row: names of its columns, and numbers."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from mabe_core import DataError
from mabe_plugins.pose_readers.number_table import BOM, read_numbers

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

EXPECTED = "a SimBA table has a row of column names, such as Nose_1_x, Nose_1_y, Nose_1_p, then a frame a row"


def read_table(file: Path) -> tuple[list[str], NDArray[np.float32]]:
    """Return the names of the columns behind the frame's number, and their values (frames, columns).

    Raises DataError naming line and column, also for frames that are missing or twice there.
    """
    import numpy as np

    with file.open("rb") as opened:
        head = opened.readline()
    if not head.strip():
        raise DataError.at(file, f"the file is empty; {EXPECTED}.")
    try:
        names = [name.strip() for name in next(csv.reader([head.removeprefix(BOM).decode("utf-8")]))]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError.at(file, f"this is not text; {EXPECTED}.", 1) from error
    if names[0] not in ("", "Unnamed: 0", "frame", "index"):
        raise DataError.at(
            file, f"the first column is {names[0][:40]!r}, not the frames' numbers, whose name is empty.", 1
        )
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise DataError.at(file, f"column {names.index(twice[0]) + 1} ({twice[0]}) is there twice.", 1)
    frames, values = read_numbers(file, names, 1, EXPECTED)
    wrong = np.flatnonzero(frames != np.arange(len(frames)))
    if len(wrong):
        row = int(wrong[0])
        raise DataError.at(
            file,
            f"frame {frames[row]:g} stands where {row} should. Frames are numbered 0, 1, 2, … without gaps: "
            "labels would shift.",
            row + 2,
        )
    return names[1:], values
