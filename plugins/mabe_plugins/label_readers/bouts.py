"""Reads bouts out of a plain CSV, a row each."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mabe_core import Annotation, Bout, DataError, did_you_mean
from mabe_plugins.label_readers.text import read_lines

if TYPE_CHECKING:
    from mabe_plugins.label_readers import BoutsConfig

EXPECTED = "a CSV of bouts has a row of column names: behaviour, start, stop, and maybe agent, target"
# what the columns are called where the config does not say it
USUAL = {
    "behaviour": ("behaviour", "behavior", "action", "label", "class"),
    "agent": ("agent", "agent_id", "subject"),
    "target": ("target", "target_id"),
    "recording": ("recording", "video", "video_id", "session"),
}
USUAL_TIMES = {
    "frames": {"start": ("start", "start_frame"), "stop": ("stop", "stop_frame", "end", "end_frame")},
    "seconds": {
        "start": ("start", "start_second", "start_seconds", "start_s"),
        "stop": (
            "stop",
            "stop_second",
            "stop_seconds",
            "stop_s",
            "end",
            "end_second",
            "end_seconds",
            "end_s",
        ),
    },
}
NEEDED = ("behaviour", "start", "stop")

Row = tuple[int, Mapping[str, str]]


def read_bouts(file: Path, config: BoutsConfig) -> Annotation:
    """Return the bouts; raises DataError naming line and column."""
    lines = read_lines(file, EXPECTED)
    delimiter = max(",\t;", key=lines[0].count)
    names = [name.strip() for name in next(csv.reader([lines[0]], delimiter=delimiter))]
    place = _columns(names, config, file)
    rows = _of_one_recording(_rows(lines, names, delimiter, file), place.get("recording"), config, file)
    if not rows:
        raise DataError.at(
            file, "there are no bouts under the column names. Leave a film without bouts out.", 1
        )
    bouts = [_bout(line, row, place, config, file) for line, row in rows]
    return Annotation(tuple(sorted(bouts, key=lambda bout: (bout.start, bout.stop))), unit=config.unit)


def _columns(names: Sequence[str], config: BoutsConfig, file: Path) -> dict[str, str]:
    """Return what each of our columns is called in the file."""
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise DataError.at(file, f"column {twice[0]!r} is there twice.", 1)
    place: dict[str, str] = {}
    for what, usual in {**USUAL, **USUAL_TIMES[config.unit]}.items():
        asked = config.columns.get(what)
        if asked is not None:
            if asked not in names:
                raise DataError.at(
                    file, f"has no column {asked!r} for {what}.{did_you_mean(asked, names)}", 1
                )
            place[what] = asked
            continue
        found = [name for name in names if name.casefold() in usual]
        if len(found) > 1:
            raise DataError.at(
                file,
                f"{' and '.join(found)} could both be {what}: say which, `columns: {{{what}: {found[0]}}}`.",
                1,
            )
        if found:
            place[what] = found[0]
    missing = [what for what in NEEDED if what not in place]
    if missing:
        raise DataError.at(
            file,
            f"has no column for {', '.join(missing)}, only {', '.join(names)[:80]!r}; {EXPECTED}. Name it, "
            f"`columns: {{{missing[0]}: …}}`.",
            1,
        )
    return place


def _rows(lines: Sequence[str], names: Sequence[str], delimiter: str, file: Path) -> list[Row]:
    rows: list[Row] = []
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        cells = next(csv.reader([line], delimiter=delimiter))
        if len(cells) != len(names):
            raise DataError.at(
                file,
                f"{len(cells)} cells, not {len(names)}: the file is cut short or damaged here.",
                number,
            )
        rows.append((number, dict(zip(names, map(str.strip, cells), strict=True))))
    return rows


def _of_one_recording(rows: list[Row], column: str | None, config: BoutsConfig, file: Path) -> list[Row]:
    if column is None:
        if config.recording is not None:
            raise DataError.at(file, f"has no column that names recordings, such as {config.recording!r}.", 1)
        return rows
    there = list(dict.fromkeys(row[column] for _, row in rows))
    if config.recording is None:
        if len(there) > 1:
            raise DataError.at(
                file, f"holds {len(there)} recordings ({', '.join(there[:8])}): name one as `recording`.", 1
            )
        return rows
    if config.recording not in there:
        raise DataError.at(
            file, f"has no recording {config.recording!r}.{did_you_mean(config.recording, there)}", 1
        )
    return [(line, row) for line, row in rows if row[column] == config.recording]


def _bout(
    line: int, row: Mapping[str, str], place: Mapping[str, str], config: BoutsConfig, file: Path
) -> Bout:
    behaviour = row[place["behaviour"]]
    if not behaviour:
        raise DataError.at(file, f"column {place['behaviour']!r} is empty.", line)
    start, stop = (_time(line, row, place[what], config, file) for what in ("start", "stop"))
    start, stop = start - config.first_frame, stop - config.first_frame + config.stop_included
    if not 0 <= start <= stop:
        raise DataError.at(
            file,
            f"{behaviour!r} runs from {row[place['start']]} to {row[place['stop']]}: {config.unit} count "
            f"from {config.first_frame}, start before stop. Are columns swapped?",
            line,
        )
    agent, target = (row[place[what]] if what in place else "" for what in ("agent", "target"))
    return Bout(behaviour, start, stop, agent=agent, target=target, line=line)


def _time(line: int, row: Mapping[str, str], column: str, config: BoutsConfig, file: Path) -> float:
    try:
        time = float(row[column])
    except ValueError:
        time = math.nan
    if not math.isfinite(time) or (config.unit == "frames" and time != int(time)):
        what = "a whole number of frames" if config.unit == "frames" else "seconds"
        hint = " Is `unit: seconds` meant?" * math.isfinite(time)
        raise DataError.at(file, f"column {column!r} should be {what}, not {row[column]!r}.{hint}", line)
    return time
