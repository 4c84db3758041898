"""Reads what BORIS exported as a table, with times in seconds: single events, or aggregated ones."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mabe_core import Annotation, Bout, DataError
from mabe_plugins.label_readers.boris_bouts import Event, pair, without_points
from mabe_plugins.label_readers.boris_table import (
    EXPECTED,
    START,
    STATUS,
    STOP,
    TIME,
    BorisTable,
    behaviour,
    cell,
    read_table,
    seconds,
    subject,
    target,
)
from mabe_plugins.label_readers.text import read_lines

if TYPE_CHECKING:
    from mabe_plugins.label_readers import BorisConfig


def read_boris(file: Path, config: BorisConfig) -> Annotation:
    """Return the bouts in seconds; the observed time is the whole film.

    Raises DataError naming the line.
    """
    table = read_table(read_lines(file, EXPECTED), config, file)
    notes: list[str] = []
    if table.aggregated:
        bouts = _aggregated(table, config, notes, file)
    else:
        events = [_event(line, row, table.length, config, file) for line, row in table.rows]
        bouts = pair(without_points(events, config, notes, file), table.length, config, notes, file)
    return Annotation(
        tuple(bouts), unit="seconds", observed=((0.0, table.length),), fps=table.fps, notes=tuple(notes)
    )


def _event(line: int, row: Mapping[str, str], length: float, config: BorisConfig, file: Path) -> Event:
    status = cell(row, STATUS).upper()
    if status not in ("START", "STOP", "POINT"):
        raise DataError.at(file, f"Status should be START, STOP or POINT, not {cell(row, STATUS)!r}.", line)
    return Event(
        line,
        seconds(line, row, TIME, length, file),
        subject(row),
        behaviour(line, row, file),
        status,
        target(line, row, config.target, file),
    )


def _aggregated(table: BorisTable, config: BorisConfig, notes: list[str], file: Path) -> list[Bout]:
    """Return the bouts, a row each."""
    points: list[Event] = []
    bouts: list[Bout] = []
    for line, row in table.rows:
        what, who = behaviour(line, row, file), subject(row)
        start, stop = (seconds(line, row, names, table.length, file) for names in (START, STOP))
        if stop < start:
            raise DataError.at(
                file,
                f"{what!r} stops at {stop:g} s, before it starts at {start:g} s. Correct the times.",
                line,
            )
        whom = target(line, row, config.target, file)
        if cell(row, STATUS).upper() == "POINT" or start == stop:
            points.append(Event(line, start, who, what, "POINT", whom))
        else:
            bouts.append(Bout(what, start, stop, agent=who, target=whom, line=line))
    without_points(points, config, notes, file)
    return sorted(bouts, key=lambda bout: (bout.start, bout.stop))
