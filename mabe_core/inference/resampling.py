"""Brings recordings to the frame rate that a model was trained on, and its answers back."""

from __future__ import annotations

import math
from collections.abc import Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

from mabe_core.exchange import UNLABELLED, Recording, View
from mabe_core.long_arrays import constant, in_blocks, let_go, long_array

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
    points = long_array((frames, *recording.points.shape[1:]), np.float32)
    for start, block in in_blocks(points):
        block[:] = _on_lines(recording.points, np.arange(start, start + len(block)) * (recording.fps / fps))
        let_go(recording.points)
    no_labels = constant((frames, recording.views[0].labels.shape[1]), np.int8(UNLABELLED))
    views = tuple(View(view.individuals, no_labels) for view in recording.views)
    return attrs.evolve(recording, points=points, fps=fps, views=views, confidence=None)


def back_from(
    probabilities: NDArray[np.float32], fps: float, wanted: float, frames: int
) -> NDArray[np.float32]:
    """Return of each frame at the wanted rate the probabilities of the frame nearest in time."""
    chosen = long_array((frames, probabilities.shape[1]), np.float32)
    for start, block in in_blocks(chosen):
        place = np.rint(np.arange(start, start + len(block)) * (fps / wanted)).astype(np.int64)
        block[:] = probabilities[np.minimum(place, len(probabilities) - 1)]
        let_go(probabilities)
    return chosen


def _on_lines(points: NDArray[np.float32], times: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return the points at these times, counted in frames."""
    before = np.minimum(times.astype(np.int64), len(points) - 1)
    after = np.minimum(before + 1, len(points) - 1)
    share = (times - before).astype(np.float32)[:, None, None, None]
    first = points[before]
    on_line: NDArray[np.float32] = np.where(share == 0, first, first + (points[after] - first) * share)
    return on_line
