"""The challenge's checks of a submission and its score, written from their description, frame by frame."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HEADER = ["row_id", "video_id", "agent_id", "target_id", "action", "start_frame", "stop_frame"]


class Refused(Exception):
    """What the challenge does not take."""


def read(file: Path) -> list[dict[str, Any]]:
    """Return the rows of a submission; raise Refused where the file is not as it must be."""
    with file.open(newline="") as opened:
        table = csv.DictReader(opened)
        rows: list[dict[str, Any]] = list(table)
    if table.fieldnames != HEADER:
        raise Refused(f"columns {table.fieldnames}")
    if not rows:
        raise Refused("no rows")
    for row in rows:
        for name in ("row_id", "start_frame", "stop_frame"):
            row[name] = int(row[name])
        if not 0 <= row["start_frame"] < row["stop_frame"]:
            raise Refused(f"frames of {row}")
    if len({row["row_id"] for row in rows}) < len(rows):
        raise Refused("a row's id is there twice")
    return rows


def solution(
    lab: str, video: str, listed: Sequence[str], bouts: dict[str, list[Any]]
) -> list[dict[str, Any]]:
    """Return a video's annotation as the challenge's own rows: mice by their names, `self` for equal ids."""
    names = ("agent_id", "target_id", "action", "start_frame", "stop_frame")
    return [
        {
            "lab_id": lab,
            "video_id": video,
            "agent_id": f"mouse{agent}",
            "target_id": "self" if target == agent else f"mouse{target}",
            "action": action,
            "start_frame": start,
            "stop_frame": stop,
            "behaviors_labeled": json.dumps(list(listed)),
        }
        for agent, target, action, start, stop in zip(*(bouts[name] for name in names), strict=True)
    ]


def score(truth: Sequence[dict[str, Any]], found: Sequence[dict[str, Any]], beta: float = 1.0) -> float:
    """Return F-beta over labs; raise Refused where a mouse does two things to another in one frame."""
    videos = {row["video_id"]: row for row in truth}
    counted = [row for row in found if row["video_id"] in videos and _key(row) in _listed(videos, row)]
    done: dict[tuple[Any, ...], str] = {}
    for row in counted:
        for frame in range(row["start_frame"], row["stop_frame"]):
            place = (row["video_id"], row["agent_id"], row["target_id"], frame)
            if done.setdefault(place, row["action"]) != row["action"]:
                raise Refused(f"{done[place]} and {row['action']} at {place}")
    labs = []
    for lab in {row["lab_id"] for row in truth}:
        here = {video for video, row in videos.items() if row["lab_id"] == lab}
        scores = []
        for action in {row["action"] for row in truth if row["lab_id"] == lab}:
            wanted, given = (
                {
                    (row["video_id"], row["agent_id"], row["target_id"], frame)
                    for row in rows
                    if row["action"] == action and row["video_id"] in here
                    for frame in range(row["start_frame"], row["stop_frame"])
                }
                for rows in (truth, counted)
            )
            both = (1 + beta**2) * len(wanted & given)
            scores.append(both / (both + beta**2 * len(wanted - given) + len(given - wanted)))
        labs.append(sum(scores) / len(scores))
    return sum(labs) / len(labs)


def _key(row: dict[str, Any]) -> str:
    return f"{row['agent_id']},{row['target_id']},{row['action']}"


def _listed(videos: dict[str, Any], row: dict[str, Any]) -> list[str]:
    listed: list[str] = json.loads(videos[row["video_id"]]["behaviors_labeled"])
    return listed
