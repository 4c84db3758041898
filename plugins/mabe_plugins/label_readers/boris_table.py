"""Finds the table in a file that BORIS exported: its column names, its rows, the observation asked for."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from mabe_core import DataError, did_you_mean

if TYPE_CHECKING:
    from _csv import Reader as CsvReader

    from mabe_plugins.label_readers import BorisConfig

# what a column is called: in BORIS 7, then in BORIS 8
TIME = ("Time",)
LENGTH = ("Total length", "Media duration (s)")
FPS = ("FPS", "FPS (frame/s)")
SUBJECT = ("Subject",)
BEHAVIOUR = ("Behavior",)
STATUS = ("Status", "Behavior type")
OBSERVATION = ("Observation id",)
START = ("Start (s)",)
STOP = ("Stop (s)",)
TABULAR = (TIME, LENGTH, FPS, SUBJECT, BEHAVIOUR, STATUS)
AGGREGATED = (LENGTH, FPS, SUBJECT, BEHAVIOUR, START, STOP)
EXPECTED = (
    "a BORIS table has a row of column names: Time, …, Total length, FPS, Subject, Behavior, …, Status; or, "
    "aggregated, Start (s) and Stop (s) instead of Time and Status"
)
NOBODY = ("", "No focal subject")

Row = tuple[int, Mapping[str, str]]


@attrs.frozen
class BorisTable:
    """The rows of one observation, each with its line from 1; length: the film's, in seconds."""

    rows: list[Row]
    aggregated: bool
    length: float
    fps: float


def read_table(lines: Sequence[str], config: BorisConfig, file: Path) -> BorisTable:
    """Return the rows of the observation that is asked for; raises DataError naming the line."""
    head, columns, delimiter, aggregated = _head(lines, file)
    rows = _rows(lines, head, columns, delimiter, file)
    if config.target is not None and config.target not in columns:
        raise DataError.at(
            file,
            f"has no column {config.target!r} to name targets.{did_you_mean(config.target, columns)}",
            head + 1,
        )
    rows = _of_one_observation(rows, config.observation, file)
    if not rows:
        raise DataError.at(
            file, "there are no events under the column names. Leave a film without events out.", head + 1
        )
    return BorisTable(rows, aggregated, _one_number(rows, LENGTH, file), _one_number(rows, FPS, file))


def behaviour(line: int, row: Mapping[str, str], file: Path) -> str:
    """Return what was done; raises DataError where nothing is named."""
    found = cell(row, BEHAVIOUR)
    if not found:
        raise DataError.at(file, "Behavior is empty.", line)
    return found


def subject(row: Mapping[str, str]) -> str:
    """Return who did it, or "" for nobody in particular."""
    found = cell(row, SUBJECT)
    return "" if found in NOBODY else found


def target(line: int, row: Mapping[str, str], column: str | None, file: Path) -> str:
    """Return to whom it was done, as the column says that the config names; "" where it names none."""
    if column is None:
        return ""
    found = row[column]
    if not found:
        raise DataError.at(file, f"{column} is empty, and should name the target.", line)
    return found


def seconds(line: int, row: Mapping[str, str], names: Sequence[str], length: float, file: Path) -> float:
    """Return a time within the film; raises DataError for anything else."""
    time = _seconds(cell(row, names))
    if not 0 <= time <= length:
        raise DataError.at(
            file,
            f"{names[0]} should be seconds from 0 to the film's {length:g}, not {cell(row, names)!r}.",
            line,
        )
    return time


def _head(lines: Sequence[str], file: Path) -> tuple[int, list[str], str, bool]:
    """Return the index of the row of column names, the names, what separates them, and whether aggregated."""
    nearly: tuple[int, list[str]] | None = None
    for index, line in enumerate(lines):
        for delimiter in ",\t;":
            columns = [cell.strip(' "') for cell in line.split(delimiter)]
            for needed in (TABULAR, AGGREGATED):
                missing = [names[0] for names in needed if not set(names) & set(columns)]
                if not missing:
                    return index, columns, delimiter, needed is AGGREGATED
                if len(missing) <= len(needed) - 2 and (nearly is None or nearly[0] == index):
                    nearly = index, min(missing, nearly[1] if nearly else missing, key=len)
    if nearly is None:
        raise DataError.at(file, f"no row of column names was found: {EXPECTED}.")
    raise DataError.at(file, f"columns are missing: {', '.join(nearly[1])}; {EXPECTED}.", nearly[0] + 1)


def _rows(
    lines: Sequence[str], head: int, columns: Sequence[str], delimiter: str, file: Path
) -> list[tuple[int, Mapping[str, str]]]:
    """Return the rows under the column names, each with its line from 1."""
    reader = csv.reader((line + "\n" for line in lines[head + 1 :]), delimiter=delimiter)
    rows: list[tuple[int, Mapping[str, str]]] = []
    line = head + 2
    for cells in _parsed(reader, head + 1, file):
        if any(cell.strip() for cell in cells):
            if len(cells) != len(columns):
                raise DataError.at(
                    file,
                    f"{len(cells)} cells, not {len(columns)}: the file is cut short or damaged here.",
                    line,
                )
            rows.append((line, dict(zip(columns, map(str.strip, cells), strict=True))))
        line = head + 2 + reader.line_num
    return rows


def _parsed(reader: CsvReader, offset: int, file: Path) -> Iterator[list[str]]:
    """Yield the reader's rows; a comment may hold line ends, so that a row may be several lines."""
    try:
        yield from reader
    except csv.Error as error:
        raise DataError.at(file, f"cannot be read as CSV: {error}.", offset + reader.line_num) from error


def cell(row: Mapping[str, str], names: Sequence[str]) -> str:
    """Return what stands in the column that has one of these names."""
    return next((row[name] for name in names if name in row), "")


def _of_one_observation(
    rows: list[tuple[int, Mapping[str, str]]], wanted: str | None, file: Path
) -> list[tuple[int, Mapping[str, str]]]:
    """Return the rows of the observation asked for; without one, there must be only one."""
    there = sorted({cell(row, OBSERVATION) for _, row in rows})
    if wanted is None:
        if len(there) > 1:
            raise DataError.at(
                file, f"holds {len(there)} observations ({', '.join(there)}): name one as `observation`."
            )
        return rows
    if wanted not in there:
        raise DataError.at(file, f"has no observation {wanted!r}.{did_you_mean(wanted, there)}")
    return [(line, row) for line, row in rows if cell(row, OBSERVATION) == wanted]


def _one_number(rows: Sequence[tuple[int, Mapping[str, str]]], names: Sequence[str], file: Path) -> float:
    """Return the number that stands in this column in every row."""
    first: float | None = None
    for line, row in rows:
        text = cell(row, names)
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not 0 < value < math.inf:
            raise DataError.at(file, f"{names[0]} should be one number above 0, not {text!r}.", line)
        if first is not None and value != first:
            raise DataError.at(
                file, f"{names[0]} is {value:g} here and {first:g} further up: one film a file.", line
            )
        first = value
    assert first is not None, "the caller saw to it that there are rows"
    return first


def _seconds(text: str) -> float:
    """Return the seconds of '29.85' or '00:00:29.850', or NaN."""
    try:
        parts = [float(part) for part in text.split(":")]
    except ValueError:
        return math.nan
    if len(parts) == 3:
        return parts[0] * 3600 + parts[1] * 60 + parts[2]
    return parts[0] if len(parts) == 1 else math.nan
