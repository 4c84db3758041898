"""Reads the table of videos, train.csv or test.csv."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from mabe_core import DataError, UserError, did_you_mean
from mabe_plugins.label_readers.text import read_lines

if TYPE_CHECKING:
    from mabe_plugins.mabe_kaggle import MabeKaggleConfig

EXPECTED = "the challenge's table has a row a video: lab_id, video_id, …, frames_per_second, …"
NEEDED = ("lab_id", "video_id", "frames_per_second", "pix_per_cm_approx", "behaviors_labeled")
MOUSE = re.compile(r"mouse([1-4])")
MICE = range(1, 5)
MISSING = {"", "nan", "na", "none", "null"}

# agent, target and action; of a self-directed action both are the same mouse
Listed = tuple[int, int, str]


@attrs.frozen
class Video:
    """A row of the table.

    line: of the table, from 1. seconds: the film's length, or None. listed: what was looked for. mice: the
    animals' ids within their lab.
    """

    lab: str
    name: str
    line: int
    fps: float
    pixels_per_cm: float
    seconds: float | None
    listed: tuple[Listed, ...]
    mice: tuple[str, ...]

    def files(self, folder: Path, part: str) -> list[Path]:
        """Return the video's own files."""
        kinds = ["tracking", "annotation"] if part == "train" else ["tracking"]
        return [folder / f"{part}_{kind}" / self.lab / f"{self.name}.parquet" for kind in kinds]


def read_videos(config: MabeKaggleConfig, folder: Path) -> tuple[list[Video], list[str]]:
    """Return the videos of the labs that are asked for, and notes on those without a list of actions.

    Raises DataError naming the table's line.
    """
    file = folder / f"{config.part}.csv"
    if not file.is_file():
        raise UserError(f"{folder} holds no {file.name}; {EXPECTED}.")
    rows = _rows(file)
    labs = sorted({row["lab_id"] for _, row in rows})
    for lab in config.labs:
        if lab not in labs:
            raise DataError.at(file, f"has no lab {lab!r}.{did_you_mean(lab, labs)}")
    videos: list[Video] = []
    unlisted: list[str] = []
    seen: dict[tuple[str, str], int] = {}
    for line, row in rows:
        key = row["lab_id"], row["video_id"]
        if key in seen:
            raise DataError.at(
                file, f"video {'/'.join(key)} is there twice, first in line {seen[key]}.", line
            )
        seen[key] = line
        if config.labs and row["lab_id"] not in config.labs:
            continue
        if row["behaviors_labeled"].casefold() in MISSING:
            unlisted.append("/".join(key))
        else:
            videos.append(_video(line, row, file))
    if not videos:
        raise DataError.at(
            file, "no video has a list of actions (behaviors_labeled), so that none is labelled."
        )
    notes = []
    if unlisted:
        told = ", ".join(unlisted[:5]) + ", …" * (len(unlisted) > 5)
        notes.append(f"videos without a list of actions, left out: {len(unlisted)} ({told})")
    return videos, notes


def _rows(file: Path) -> list[tuple[int, dict[str, str]]]:
    reader = csv.reader([line + "\n" for line in read_lines(file, EXPECTED)])
    names: list[str] = []
    rows: list[tuple[int, dict[str, str]]] = []
    line = 1
    for cells in reader:
        if not names:
            names = [name.strip() for name in cells]
            _check_names(names, file)
        elif any(cell.strip() for cell in cells):
            if len(cells) != len(names):
                raise DataError.at(
                    file,
                    f"{len(cells)} cells, not {len(names)}: the file is cut short or damaged here.",
                    line,
                )
            rows.append((line, dict(zip(names, map(str.strip, cells), strict=True))))
        line = reader.line_num + 1
    if not rows:
        raise DataError.at(file, "there are no videos under the column names.", 1)
    return rows


def _check_names(names: Sequence[str], file: Path) -> None:
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise DataError.at(file, f"columns are missing: {', '.join(missing)}; {EXPECTED}.", 1)
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise DataError.at(file, f"column {twice[0]!r} is there twice.", 1)


def _video(line: int, row: Mapping[str, str], file: Path) -> Video:
    for key in ("lab_id", "video_id"):
        if not re.fullmatch(r"[\w.-]+", row[key]) or row[key].startswith("."):
            raise DataError.at(file, f"{key} should be the name of a folder or file, not {row[key]!r}.", line)
    seconds = row.get("video_duration_sec", "")
    return Video(
        lab=row["lab_id"],
        name=row["video_id"],
        line=line,
        fps=_number(line, row, "frames_per_second", file),
        pixels_per_cm=_number(line, row, "pix_per_cm_approx", file),
        seconds=None if seconds.casefold() in MISSING else _number(line, row, "video_duration_sec", file),
        listed=_listed(line, row["behaviors_labeled"], file),
        mice=tuple(
            mouse
            for mouse in (row.get(f"mouse{number}_id", "") for number in MICE)
            if mouse.casefold() not in MISSING
        ),
    )


def _number(line: int, row: Mapping[str, str], name: str, file: Path) -> float:
    try:
        value = float(row[name])
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise DataError.at(file, f"{name} should be a number above 0, not {row[name]!r}.", line)
    return value


def _listed(line: int, text: str, file: Path) -> tuple[Listed, ...]:
    """Return what was looked for in a video, out of a JSON list such as ["mouse1,mouse2,approach"]."""
    try:
        items = json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError.at(file, f"behaviors_labeled is no JSON list: {error}.", line) from error
    if not isinstance(items, list) or not items:
        raise DataError.at(file, f"behaviors_labeled should be a list of actions, not {text[:60]!r}.", line)
    found: dict[Listed, None] = {}
    for item in items:
        words = [word.strip(" \"'") for word in str(item).split(",")]
        agent = MOUSE.fullmatch(words[0])
        target = agent if words[1:2] == ["self"] else MOUSE.fullmatch(words[1]) if len(words) > 1 else None
        if len(words) != 3 or agent is None or target is None or not words[2]:
            raise DataError.at(
                file,
                f"behaviors_labeled has {str(item)[:60]!r}; it should be as 'mouse1,mouse2,approach' or "
                "'mouse1,self,rear'.",
                line,
            )
        found[int(agent[1]), int(target[1]), words[2]] = None
    return tuple(found)
