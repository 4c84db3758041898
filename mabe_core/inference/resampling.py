"""Brings recordings to the frame rate that a model was trained on, and its answers back."""

from __future__ import annotations

import math
from collections.abc import Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

from mabe_core.exchange import Recording, View

# 29.97 and 30000/1001 are one frame rate, 29.97 and 30 are two
SAME_FPS = 5e-4


def nearest_rate(fps: float, trained: Sequence[float]) -> float:
    """Return the trained frame rate that is nearest by ratio."""
    return min(trained, key=lambda each: abs(math.log(fps / each)))


def is_trained(fps: float, trained: Sequence[float]) -> bool:
    """Tell whether a frame rate is one of those that a model was trained on."""
    return abs(nearest_rate(fps, trained) - fps) <= SAME_FPS * fps


def resampled(recording: Recording, trained: Sequence[float]) -> Recording:
    """Return the recording at the nearest trained frame rate, points on lines between frames.

    A point is missing where one of the two frames around it lacks it. Of a rate that is trained, the
    recording itself.
    """
    if is_trained(recording.fps, trained):
        return recording
    fps = nearest_rate(recording.fps, trained)
    frames = max(int((recording.frames - 1) / recording.fps * fps) + 1, 1)
    times = np.arange(frames) * (recording.fps / fps)
    before = np.minimum(times.astype(np.int64), recording.frames - 1)
    after = np.minimum(before + 1, recording.frames - 1)
    share = (times - before).astype(np.float32)[:, None, None, None]
    points = recording.points[before]
    on_line = points + (recording.points[after] - points) * share
    points = np.where(share == 0, points, on_line)
    no_labels = np.full((frames, recording.views[0].labels.shape[1]), -1, dtype=np.int8)
    views = tuple(View(view.individuals, no_labels) for view in recording.views)
    return attrs.evolve(recording, points=points, fps=fps, views=views, confidence=None)


def back_from(
    probabilities: NDArray[np.float32], fps: float, wanted: float, frames: int
) -> NDArray[np.float32]:
    """Return of each frame at the wanted rate the probabilities of the frame nearest in time."""
    place = np.rint(np.arange(frames) * (fps / wanted)).astype(np.int64)
    chosen: NDArray[np.float32] = probabilities[np.minimum(place, len(probabilities) - 1)]
    return chosen
