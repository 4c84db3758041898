"""Predictions as a submission to the MABe challenge of 2025: a row a bout, in frames of the film.

Columns row_id, video_id, agent_id, target_id, action, start_frame, stop_frame; stop exclusive. Mice are
mouse1 to mouse4; the target of what a mouse does alone is `self`. The challenge's scorer drops what a video
does not list without a word, and refuses a file in which an agent does two things to a target at once.
"""

from __future__ import annotations

import contextlib
import csv
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import IO

import numpy as np
from numpy.typing import NDArray

from mabe_core.errors import UserError
from mabe_core.exchange import Recording
from mabe_core.inference.prediction import PredictedView, Prediction
from mabe_core.long_arrays import in_blocks, let_go, long_array

COLUMNS = ("row_id", "video_id", "agent_id", "target_id", "action", "start_frame", "stop_frame")
SELF = "self"
NOTHING = -1

# agent, target, action, start, stop
Row = tuple[str, str, str, int, int]


@contextlib.contextmanager
def kaggle(file: IO[str], classes: Sequence[str]) -> Iterator[Callable[[Prediction], None]]:
    """Write a row a bout; raise UserError for recordings that are not the challenge's."""
    table = csv.writer(file, lineterminator="\n")
    table.writerow(COLUMNS)
    row_ids = itertools.count()
    videos: dict[str, str] = {}

    def add(prediction: Prediction) -> None:
        # the dataset names a recording by lab and video
        video = prediction.recording.rpartition("/")[2]
        if video in videos:
            raise UserError(f"{videos[video]} and {prediction.recording} are both video {video}")
        videos[video] = prediction.recording
        table.writerows((next(row_ids), video, *row) for row in _rows(prediction))

    yield add


def _rows(prediction: Prediction) -> list[Row]:
    """Return the rows of one video, in order of time."""
    tracks = prediction.tracks
    rows: list[Row] = []
    for number, view in enumerate(prediction.views):
        asked = tracks.views[number].asked if tracks is not None else None
        if tracks is None or asked is None or len(view.individuals) != 2:
            raise UserError(
                f"{prediction.recording} cannot be written as kaggle: nothing says which actions of which "
                "mice are asked for. `mabe predict --data FILE` does, where the dataset is mabe_kaggle"
            )
        columns = [place for place, name in enumerate(prediction.classes) if name in asked]
        if columns:
            actions = _in_film(_one_action(view, columns), prediction.fps, tracks)
            target = SELF if view.target == view.agent else view.target
            rows += [
                (view.agent, target, prediction.classes[action], start, stop)
                for action, start, stop in _runs(actions)
            ]
    return sorted(rows, key=lambda row: (row[3], row[4], row[:3]))


def _one_action(view: PredictedView, columns: Sequence[int]) -> NDArray[np.int16]:
    """Return each frame's class out of these columns, the most probable of those that are predicted."""
    found = long_array((len(view.labels),), np.int16)
    for start, labels in in_blocks(view.labels):
        frames = slice(start, start + len(labels))
        shown = labels[:, columns] == 1
        best = np.where(shown, view.probabilities[frames, columns], -1.0).argmax(axis=1)
        found[frames] = np.where(shown.any(axis=1), np.asarray(columns)[best], NOTHING)
        let_go(view.probabilities)
    return found


def _in_film(actions: NDArray[np.int16], fps: float, tracks: Recording) -> NDArray[np.int16]:
    """Return the action of each of the film's own frames: that in whose frame its midpoint lies."""
    if tracks.film_fps is None or tracks.film_frames is None:
        return actions
    middles = (np.arange(tracks.film_frames) + 0.5) * (fps / tracks.film_fps)
    return actions[np.minimum(middles.astype(np.int64), len(actions) - 1)]


def _runs(actions: NDArray[np.int16]) -> list[tuple[int, int, int]]:
    """Return (action, start, stop) of each stretch of frames with one action."""
    edges = [0, *(np.flatnonzero(np.diff(actions)) + 1).tolist(), len(actions)]
    return [
        (int(actions[start]), start, stop)
        for start, stop in itertools.pairwise(edges)
        if actions[start] != NOTHING
    ]
