"""From a DeepLabCut table to pose tracks: which column is what, and whether it can be true."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import numpy as np

from mabe_core import DataError, PoseTracks, did_you_mean, in_blocks, let_go, long_array
from mabe_plugins.pose_readers.doubtful import drop_doubtful

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mabe_plugins.pose_readers import DeepLabCutConfig

AXES = ("x", "y", "z")
LIKELIHOOD = "likelihood"
# likelihoods come out of a sigmoid and, in filtered files, out of a median: no more than rounding beyond 1
LIKELIHOOD_SLACK = 1e-3
# rows put in order at a time: hours of them would be there twice
ROWS_AT_ONCE = 1 << 14
# what DeepLabCut calls the first animal where it numbers them
ONLY_INDIVIDUAL = "individual1"


@attrs.frozen
class Column:
    """What one column holds; str() is its name in messages."""

    individual: str
    keypoint: str
    coord: str

    def __str__(self) -> str:
        return f"{self.individual} {self.keypoint} {self.coord}"


@attrs.frozen(eq=False)
class Table:
    """A DeepLabCut table: float (frames, columns), and the frame number of each row.

    first_line: the line of the first row in a text file, or None.
    """

    columns: tuple[Column, ...]
    values: NDArray[np.floating]
    frames: NDArray[np.floating | np.integer]
    first_line: int | None = None

    def line(self, row: int) -> int | None:
        """Return the line of a row, where the file has lines."""
        return None if self.first_line is None else self.first_line + row

    def where(self, row: int) -> str:
        """Name a row where the file has no lines."""
        return "" if self.first_line is not None else f"row {row + 1}: "


def columns_of(levels: Sequence[Sequence[str]]) -> tuple[Column, ...]:
    """Return the columns of header levels (scorer, [individuals,] bodyparts, coords), each a row of names."""
    *individuals, keypoints, coords = levels[1:]
    names = individuals[0] if individuals else [ONLY_INDIVIDUAL] * len(keypoints)
    return tuple(map(Column, names, keypoints, coords))


def tracks(table: Table, config: DeepLabCutConfig, file: Path) -> PoseTracks:
    """Return the pose tracks of a table.

    Raises DataError, naming column and row, for columns that are missing, twice there or unknown, for frames
    that are missing, twice there or out of order, and for values that cannot be what the header says.
    """
    place = _places(table.columns, file)
    individuals = _individuals(table.columns, config.ignore_individuals, file)
    keypoints = _keypoints(place, individuals, file)
    axes = [axis for axis in AXES if Column(individuals[0], keypoints[0], axis) in place]
    if axes not in (["x", "y"], ["x", "y", "z"]):
        raise DataError.at(file, f"{individuals[0]} {keypoints[0]} has columns {axes}; x and y are needed.")
    has_likelihood = Column(individuals[0], keypoints[0], LIKELIHOOD) in place
    coords = [*axes, LIKELIHOOD] if has_likelihood else axes
    _check_complete(place, individuals, keypoints, coords, file)
    _check_frames(table, file)
    order = [[[place[Column(i, k, c)] for c in coords] for k in keypoints] for i in individuals]
    shape = (len(table.values), len(individuals), len(keypoints))
    points = long_array((*shape, len(axes)), np.float32)
    confidence = long_array(shape, np.float32) if has_likelihood else None
    for start in range(0, len(points), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        with np.errstate(
            over="ignore", invalid="ignore"
        ):  # what is too large becomes infinite, which is told
            values = table.values[part][:, np.array(order)].astype(np.float32)
        _check_values(values, has_likelihood, table, order, file, start)
        points[part] = values[..., : len(axes)]
        if confidence is not None:
            confidence[part] = np.nan_to_num(values[..., -1]).clip(0, 1)
            let_go(confidence)
        let_go(points)
        let_go(table.values)
    notes = drop_doubtful(points, confidence, config.min_confidence, file)
    return PoseTracks(points, individuals, keypoints, confidence, notes=notes)


def _places(columns: Sequence[Column], file: Path) -> dict[Column, int]:
    place: dict[Column, int] = {}
    for position, column in enumerate(columns):
        if column.coord not in (*AXES, LIKELIHOOD):
            raise DataError.at(
                file,
                f"column {position + 2} ({column}) should be x, y, z or likelihood.",
                None,
            )
        if column in place:
            raise DataError.at(file, f"column {position + 2} ({column}) is there twice.")
        place[column] = position
    return place


def _individuals(columns: Sequence[Column], ignored: Sequence[str], file: Path) -> tuple[str, ...]:
    there = tuple(dict.fromkeys(column.individual for column in columns))
    for name in ignored:
        if name not in there:
            raise DataError.at(
                file, f"ignore_individuals names {name!r}, which is not there.{did_you_mean(name, there)}"
            )
    left = tuple(name for name in there if name not in ignored)
    if not left:
        raise DataError.at(file, "no individual is left to read.")
    return left


def _keypoints(place: dict[Column, int], individuals: Sequence[str], file: Path) -> tuple[str, ...]:
    """Return the keypoints of the first individual, which all others must have too."""
    by_individual = {
        name: tuple(dict.fromkeys(column.keypoint for column in place if column.individual == name))
        for name in individuals
    }
    first = by_individual[individuals[0]]
    for name, keypoints in by_individual.items():
        if not set(keypoints) & set(first):
            raise DataError.at(
                file,
                f"individual {name!r} has other keypoints ({', '.join(keypoints)}) than {individuals[0]!r} "
                f"({', '.join(first)}). Leave it out: `ignore_individuals: [{name}]` in the pose reader.",
            )
    return first


def _check_complete(
    place: dict[Column, int],
    individuals: Sequence[str],
    keypoints: Sequence[str],
    coords: Sequence[str],
    file: Path,
) -> None:
    wanted = {Column(i, k, c) for i in individuals for k in keypoints for c in coords}
    there = {column for column in place if column.individual in individuals}
    for columns, what in ((wanted - there, "missing"), (there - wanted, "there for one individual only")):
        if columns:
            named = ", ".join(sorted(map(str, columns))[:5])
            more = f" and {len(columns) - 5} more" if len(columns) > 5 else ""
            raise DataError.at(
                file,
                f"columns are {what}: {named}{more}. Every individual needs the same keypoints, each with "
                f"{', '.join(coords)}.",
            )


def _check_frames(table: Table, file: Path) -> None:
    """Raise unless the rows are frames 0, 1, 2, …"""
    if not len(table.frames):
        raise DataError.at(file, "there is no frame in it.")
    for start, block in in_blocks(table.frames):
        wrong = np.flatnonzero(block != np.arange(start, start + len(block)))
        if not len(wrong):
            continue
        row = start + int(wrong[0])
        found = table.frames[row]
        what = "is there twice" if row and found == table.frames[row - 1] else f"stands where {row} should"
        raise DataError.at(
            file,
            f"{table.where(row)}frame {found:g} {what}. Frames are numbered 0, 1, 2, … without gaps: labels "
            "would shift. Export the tracks again.",
            table.line(row),
        )


def _check_values(
    values: NDArray[np.float32],
    has_likelihood: bool,
    table: Table,
    order: Sequence[Sequence[Sequence[int]]],
    file: Path,
    first_row: int,
) -> None:
    bad = np.isinf(values)
    if has_likelihood:
        likelihood = values[..., -1]
        bad[..., -1] |= (likelihood < -LIKELIHOOD_SLACK) | (likelihood > 1 + LIKELIHOOD_SLACK)
    if bad.any():
        row, i, k, c = (int(axis[0]) for axis in np.nonzero(bad))
        value = values[row, i, k, c]
        row += first_row
        position = order[i][k][c]
        column = table.columns[position]
        why = " A likelihood lies between 0 and 1: are columns swapped?" * (column.coord == LIKELIHOOD)
        raise DataError.at(
            file,
            f"{table.where(row)}column {position + 2} ({column}) is {value:g}.{why}",
            table.line(row),
        )
