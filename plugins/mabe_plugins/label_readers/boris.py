"""Reads the events that BORIS exported as a table: START and STOP rows in seconds."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from mabe_core import Annotation, Bout, DataError, did_you_mean
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
NOBODY = ("", "No focal subject")
EXPECTED = "a BORIS table has a row of column names: Time, …, Total length, FPS, Subject, Behavior, …, Status"


@attrs.frozen
class _Event:
    line: int
    time: float
    subject: str
    behaviour: str
    status: str


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
    bouts = _pair(_without_points(events, config, notes, file), length, config, notes, file)
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


def _event(line: int, row: Mapping[str, str], length: float, file: Path) -> _Event:
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
    return _Event(line, time, _cell(row, SUBJECT), behaviour, status)


def _seconds(text: str) -> float:
    """Return the seconds of '29.85' or '00:00:29.850', or NaN."""
    try:
        parts = [float(part) for part in text.split(":")]
    except ValueError:
        return math.nan
    if len(parts) == 3:
        return parts[0] * 3600 + parts[1] * 60 + parts[2]
    return parts[0] if len(parts) == 1 else math.nan


def _without_points(
    events: Sequence[_Event], config: BorisConfig, notes: list[str], file: Path
) -> list[_Event]:
    points = [event for event in events if event.status == "POINT"]
    if points and config.points == "error":
        raise DataError.at(
            file,
            f"{points[0].behaviour!r} is an event without duration, which labels no frame. Write "
            "`points: drop` in the label reader to leave such events out.",
            points[0].line,
        )
    if points:
        notes.append(f"{len(points)} events without duration are dropped (lines {_lines(points)})")
    return [event for event in events if event.status != "POINT"]


def _lines(events: Sequence[_Event]) -> str:
    named = ", ".join(str(event.line) for event in events[:10])
    return named + ", …" * (len(events) > 10)


def _pair(
    events: Sequence[_Event], length: float, config: BorisConfig, notes: list[str], file: Path
) -> list[Bout]:
    """Pair each START with the STOP of the same subject and behaviour that follows it."""
    bouts: list[Bout] = []
    running: dict[tuple[str, str], _Event] = {}
    closed: list[_Event] = []
    dropped: list[_Event] = []

    def unmatched(start: _Event, until: float) -> None:
        if config.unmatched == "error":
            raise _unmatched(start, file)
        if config.unmatched == "close":
            closed.append(start)
            bouts.append(_bout(start, until))
        else:
            dropped.append(start)

    for event in events:
        key = event.subject, event.behaviour
        start = running.pop(key, None)
        if start is not None and event.time < start.time:
            raise DataError.at(
                file,
                f"{event.behaviour!r} has a {event.status} at {event.time:g} s, before its START of line "
                f"{start.line} at {start.time:g} s. Correct the times.",
                event.line,
            )
        if event.status == "START":
            if start is not None:
                unmatched(start, event.time)
            running[key] = event
        elif start is not None:
            bouts.append(_bout(start, event.time))
        elif config.unmatched == "error":
            raise _unmatched(event, file)
        else:
            dropped.append(event)
    for start in running.values():
        unmatched(start, length)
    if closed:
        notes.append(f"{len(closed)} START without STOP are closed (lines {_lines(closed)})")
    if dropped:
        notes.append(f"{len(dropped)} START or STOP without the other are dropped (lines {_lines(dropped)})")
    return sorted(bouts, key=lambda bout: (bout.start, bout.stop))


def _bout(start: _Event, stop: float) -> Bout:
    agent = "" if start.subject in NOBODY else start.subject
    return Bout(start.behaviour, start.time, stop, agent=agent, line=start.line)


def _unmatched(event: _Event, file: Path) -> DataError:
    other = "STOP" if event.status == "START" else "START"
    who = f" of {event.subject!r}" if event.subject not in NOBODY else ""
    return DataError.at(
        file,
        f"{event.status} of {event.behaviour!r}{who} at {event.time:g} s has no {other}. Correct the file, "
        "or write `unmatched: close` or `unmatched: drop` in the label reader.",
        event.line,
    )
