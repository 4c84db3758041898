"""From a video's annotation and its list of actions to one label track a pair of agent and target."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import numpy as np

from mabe_core import UNLABELLED, Annotation, Bout, DataError, LabelRules, View, label_track
from mabe_plugins.mabe_kaggle.parquet import read_columns
from mabe_plugins.mabe_kaggle.table import Video
from mabe_plugins.mabe_kaggle.tracking import Tracking

if TYPE_CHECKING:
    from mabe_plugins.mabe_kaggle import MabeKaggleConfig

COLUMNS = {
    "agent_id": "whole",
    "target_id": "whole",
    "action": "word",
    "start_frame": "whole",
    "stop_frame": "whole",
}
# labs whose annotations count other frames than the pose does, by the pose's frame rate
ANNOTATED_AT: Mapping[tuple[str, float], float] = {("AdaptableSnail", 25.0): 30.0}

Pair = tuple[int, int]


@attrs.frozen
class Labelled:
    """The views of a video, and what is to be told of its annotation.

    other_rate: whether its annotations count other frames than its pose. trimmed: frames past the end, cut.
    """

    views: tuple[View, ...]
    bouts: int
    unlisted: Counter[str]
    untracked: tuple[Pair, ...]
    other_rate: bool
    trimmed: int


def unlabelled_views(video: Video, tracking: Tracking, classes: Sequence[str]) -> Labelled:
    """Return the views of a video whose annotation nobody gave."""
    pairs, untracked = _pairs(video, tracking, classes)
    empty = np.full((len(tracking.points), len(classes)), UNLABELLED, dtype=np.int8)
    views = tuple(View(_places(pair, tracking), empty, _asked(pair, video, classes)) for pair in pairs)
    return Labelled(views, 0, Counter(), untracked, False, 0)


def labelled_views(
    video: Video, tracking: Tracking, classes: Sequence[str], config: MabeKaggleConfig, file: Path
) -> Labelled:
    """Return a view for each pair that the video lists; an action that it does not list is unlabelled there.

    Raises DataError naming the row, from 1.
    """
    found = read_columns(file, COLUMNS)
    fps = annotated_fps(video, config)
    limit = tracking.source_frames * fps / video.fps
    trimmed = _check(found, limit, tracking, config, file)
    names = np.array([*found["action"].words, ""])[found["action"].codes]
    rows = list(
        zip(
            *(found[name].tolist() for name in ("agent_id", "target_id", "start_frame", "stop_frame")),
            names.tolist(),
            strict=True,
        )
    )
    listed = set(video.listed)
    unlisted = Counter(
        action for agent, target, _, _, action in rows if (agent, target, action) not in listed
    )
    bouts: dict[Pair, list[Bout]] = {}
    for agent, target, start, stop, action in rows:
        if (agent, target, action) in listed and action in classes:
            bouts.setdefault((agent, target), []).append(_bout(action, start, stop, limit, fps))
    pairs, untracked = _pairs(video, tracking, classes)
    rules = LabelRules(classes=tuple(classes), exclusive=False, past_end="trim")
    views = []
    for pair in pairs:
        annotation = Annotation(tuple(bouts.get(pair, ())), unit="seconds")
        labels = label_track(annotation, len(tracking.points), config.fps, rules, file).labels
        labels[:, [(*pair, name) not in listed for name in classes]] = UNLABELLED
        views.append(View(_places(pair, tracking), labels, _asked(pair, video, classes)))
    return Labelled(tuple(views), len(rows), unlisted, untracked, fps != video.fps, trimmed)


def annotated_fps(video: Video, config: MabeKaggleConfig) -> float:
    """Return the frames a second that a video's annotation counts."""
    if config.known_faults == "keep":
        return video.fps
    return ANNOTATED_AT.get((video.lab, video.fps), video.fps)


def _asked(pair: Pair, video: Video, classes: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in classes if (*pair, name) in video.listed)


def _bout(action: str, start: int, stop: int, limit: float, fps: float) -> Bout:
    return Bout(action, min(start, limit) / fps, min(stop, limit) / fps)


def _pairs(video: Video, tracking: Tracking, classes: Sequence[str]) -> tuple[list[Pair], tuple[Pair, ...]]:
    """Return the pairs of which a class is listed: those whose mice are tracked, and the others."""
    pairs = sorted({(agent, target) for agent, target, action in video.listed if action in classes})
    tracked = [pair for pair in pairs if set(pair) <= set(tracking.mice)]
    return tracked, tuple(pair for pair in pairs if pair not in tracked)


def _places(pair: Pair, tracking: Tracking) -> tuple[int, int]:
    return tracking.mice.index(pair[0]), tracking.mice.index(pair[1])


def _check(
    found: Mapping[str, object], limit: float, tracking: Tracking, config: MabeKaggleConfig, file: Path
) -> int:
    """Return the frames by which bouts run past the end; raise DataError for what cannot be."""
    columns = {name: np.asarray(found[name]) for name in COLUMNS if name != "action"}
    for name in ("agent_id", "target_id"):
        unknown = np.flatnonzero(~np.isin(columns[name], tracking.mice))
        if len(unknown):
            row = int(unknown[0])
            raise DataError.at(
                file,
                f"row {row + 1}: {name} is {columns[name][row]}, and the tracking knows the mice "
                f"{', '.join(map(str, tracking.mice))}.",
            )
    start, stop = columns["start_frame"], columns["stop_frame"]
    wrong = np.flatnonzero((start < 0) | (stop < start))
    if len(wrong):
        row = int(wrong[0])
        raise DataError.at(
            file,
            f"row {row + 1}: a bout runs from frame {start[row]} to {stop[row]}: frames count from 0, start "
            "before stop. Are columns swapped?",
        )
    over = float(stop.max(initial=0)) - limit
    if over <= 0:
        return 0
    if config.past_end == "error":
        row = int(np.flatnonzero(stop > limit)[0])
        raise DataError.at(
            file,
            f"row {row + 1}: a bout stops at frame {stop[row]}, past the tracking's end ({limit:g} frames). "
            "Check frames_per_second in the table, or write `past_end: trim`.",
        )
    return int(np.ceil(over))
