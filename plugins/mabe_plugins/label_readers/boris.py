"""Reads the events that BORIS exported as a table: START and STOP rows in seconds."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mabe_core import Annotation, DataError, did_you_mean
from mabe_plugins.label_readers.boris_bouts import Event, pair, without_points
from mabe_plugins.label_readers.text import read_lines

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
NEEDED = (TIME, LENGTH, FPS, SUBJECT, BEHAVIOUR, STATUS)
EXPECTED = "a BORIS table has a row of column names: Time, …, Total length, FPS, Subject, Behavior, …, Status"


def read_boris(file: Path, config: BorisConfig) -> Annotation:
    """Return the bouts in seconds; the observed time is the whole film.

    Raises DataError naming the line.
    """
    lines = read_lines(file, EXPECTED)
    head, columns, delimiter = _head(lines, file)
    rows = _rows(lines, head, columns, delimiter, file)
    rows = _of_one_observation(rows, config.observation, file)
    if not rows:
        raise DataError.at(
            file, "there are no events under the column names. Leave a film without events out.", head + 1
        )
    length = _one_number(rows, LENGTH, file)
    fps = _one_number(rows, FPS, file)
    events = [_event(line, row, length, file) for line, row in rows]
    notes: list[str] = []
    bouts = pair(without_points(events, config, notes, file), length, config, notes, file)
    return Annotation(tuple(bouts), unit="seconds", observed=((0.0, length),), fps=fps, notes=tuple(notes))


def _head(lines: Sequence[str], file: Path) -> tuple[int, list[str], str]:
    """Return the index of the row of column names, the names, and what separates them."""
    nearly: tuple[int, list[str]] | None = None
    for index, line in enumerate(lines):
        for delimiter in ",\t;":
            columns = [cell.strip(' "') for cell in line.split(delimiter)]
            missing = [names[0] for names in NEEDED if not set(names) & set(columns)]
            if not missing:
                return index, columns, delimiter
            if len(missing) <= len(NEEDED) - 2 and nearly is None:
                nearly = index, missing
    if nearly is None:
        raise DataError.at(file, f"no row of column names was found: {EXPECTED}.")
    if "Start (s)" in lines[nearly[0]]:
        what = "these are aggregated events. In BORIS, use Observations > Export events > tabular"
    else:
        what = f"columns are missing: {', '.join(nearly[1])}"
    raise DataError.at(file, f"{what}; {EXPECTED}.", nearly[0] + 1)


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


def _cell(row: Mapping[str, str], names: Sequence[str]) -> str:
    return next((row[name] for name in names if name in row), "")


def _of_one_observation(
    rows: list[tuple[int, Mapping[str, str]]], wanted: str | None, file: Path
) -> list[tuple[int, Mapping[str, str]]]:
    """Return the rows of the observation asked for; without one, there must be only one."""
    there = sorted({_cell(row, OBSERVATION) for _, row in rows})
    if wanted is None:
        if len(there) > 1:
            raise DataError.at(
                file, f"holds {len(there)} observations ({', '.join(there)}): name one as `observation`."
            )
        return rows
    if wanted not in there:
        raise DataError.at(file, f"has no observation {wanted!r}.{did_you_mean(wanted, there)}")
    return [(line, row) for line, row in rows if _cell(row, OBSERVATION) == wanted]


def _one_number(rows: Sequence[tuple[int, Mapping[str, str]]], names: Sequence[str], file: Path) -> float:
    """Return the number that stands in this column in every row."""
    first: float | None = None
    for line, row in rows:
        text = _cell(row, names)
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


def _event(line: int, row: Mapping[str, str], length: float, file: Path) -> Event:
    status, behaviour = _cell(row, STATUS).upper(), _cell(row, BEHAVIOUR)
    if status not in ("START", "STOP", "POINT"):
        raise DataError.at(file, f"Status should be START, STOP or POINT, not {_cell(row, STATUS)!r}.", line)
    if not behaviour:
        raise DataError.at(file, "Behavior is empty.", line)
    time = _seconds(_cell(row, TIME))
    if not 0 <= time <= length:
        raise DataError.at(
            file, f"Time should be seconds from 0 to the film's {length:g}, not {_cell(row, TIME)!r}.", line
        )
    return Event(line, time, _cell(row, SUBJECT), behaviour, status)


def _seconds(text: str) -> float:
    """Return the seconds of '29.85' or '00:00:29.850', or NaN."""
    try:
        parts = [float(part) for part in text.split(":")]
    except ValueError:
        return math.nan
    if len(parts) == 3:
        return parts[0] * 3600 + parts[1] * 60 + parts[2]
    return parts[0] if len(parts) == 1 else math.nan
