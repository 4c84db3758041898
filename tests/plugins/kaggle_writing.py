"""Writes a small data set of the MABe challenge: the table of videos, and Parquet files by pyarrow."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

PARTS = ("nose", "ear_left", "ear_right", "body_center", "tail_base")
FIELDS = (
    *("lab_id", "video_id", "mouse1_id", "mouse2_id", "mouse3_id", "mouse4_id", "frames_per_second"),
    *("video_duration_sec", "pix_per_cm_approx", "behaviors_labeled"),
)
Row = dict[str, Any]


def video(lab: str, name: str, listed: Sequence[str] | None, fps: float = 30.0, **fields: Any) -> Row:
    """Return a row of the table."""
    return {
        "lab_id": lab,
        "video_id": name,
        "mouse1_id": "10",
        "mouse2_id": "11",
        "frames_per_second": fps,
        "video_duration_sec": 10.0,
        "pix_per_cm_approx": 16.0,
        "behaviors_labeled": "" if listed is None else json.dumps(listed),
    } | fields


def tracking(
    frames: int = 60, mice: Sequence[int] = (1, 2), parts: Sequence[str] = PARTS, seed: int = 0
) -> dict[str, list[Any]]:
    """Return long columns; mouse m's part p lies at x = frame + 100 m + 10 p pixels, y = 2 x."""
    rows = [
        (frame, mouse, part, float(frame + 100 * mouse + 10 * number))
        for frame in range(frames)
        for mouse in mice
        for number, part in enumerate(parts)
    ]
    order = np.random.default_rng(seed).permutation(len(rows))
    rows = [rows[number] for number in order]  # no order is promised
    return {
        "video_frame": [row[0] for row in rows],
        "mouse_id": [row[1] for row in rows],
        "bodypart": [row[2] for row in rows],
        "x": [row[3] for row in rows],
        "y": [2 * row[3] for row in rows],
    }


def annotation(*bouts: tuple[int, int, str, int, int]) -> dict[str, list[Any]]:
    """Return the columns of bouts (agent, target, action, start, stop)."""
    names = ("agent_id", "target_id", "action", "start_frame", "stop_frame")
    return {name: [bout[place] for bout in bouts] for place, name in enumerate(names)}


def write_table(
    folder: Path, rows: Sequence[Row], part: str = "train", fields: Sequence[str] = FIELDS
) -> Path:
    """Write the table of videos."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{part}.csv").open("w", newline="") as opened:
        table = csv.DictWriter(opened, fields)
        table.writeheader()
        table.writerows(rows)
    return folder / f"{part}.csv"


def write_parquet(file: Path, columns: dict[str, list[Any]], types: dict[str, Any] | None = None) -> Path:
    """Write columns; types: of pyarrow, where they are not to be guessed."""
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed: the extra `parquet`")
    from pyarrow import parquet

    file.parent.mkdir(parents=True, exist_ok=True)
    guessed = {"action": pyarrow.string(), "bodypart": pyarrow.string()}
    table = pyarrow.table(
        {
            name: pyarrow.array(values, (types or {}).get(name, guessed.get(name) or None))
            if values or name in guessed
            else pyarrow.array(values, pyarrow.int64())
            for name, values in columns.items()
        }
    )
    parquet.write_table(table, file)
    return file


def write_video(
    folder: Path,
    row: Row,
    tracks: dict[str, list[Any]],
    bouts: dict[str, list[Any]] | None,
    part: str = "train",
) -> None:
    """Write the files of one video."""
    inside = Path(row["lab_id"]) / f"{row['video_id']}.parquet"
    write_parquet(folder / f"{part}_tracking" / inside, tracks)
    if bouts is not None:
        write_parquet(folder / f"{part}_annotation" / inside, bouts)
