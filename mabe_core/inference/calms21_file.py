"""Predictions as CalMS21's JSON (Sun et al., 2021): what was tracked, and a class a frame.

{group: {recording: {keypoints (frames, mice, x and y, keypoints), scores (frames, mice, keypoints),
annotations (frames,), metadata: {vocab, annotator-id}}}}. A missing point is NaN, as Python's json has it.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from mabe_core.errors import UserError
from mabe_core.exchange import Recording
from mabe_core.inference.prediction import Prediction
from mabe_core.long_arrays import in_blocks, let_go

GROUP = "predictions"
# CalMS21 numbers its annotators; a model is none of them
NOBODY = -1
# a number takes ten times the room as a list
FRAMES_AT_ONCE = 2048
# decimals of a pixel
DECIMALS = 3


@contextlib.contextmanager
def calms21(file: IO[str], classes: Sequence[str]) -> Iterator[Callable[[Prediction], None]]:
    """Write one group of recordings, block by block; raise UserError for what the format cannot hold."""
    file.write(f'{{"{GROUP}": {{')
    begun = False

    def add(prediction: Prediction) -> None:
        nonlocal begun
        tracks = _checked(prediction)
        file.write(f"{',' if begun else ''}\n{json.dumps(prediction.recording)}: {{")
        begun = True
        metadata = {
            "vocab": {name: number for number, name in enumerate(classes)},
            "annotator-id": NOBODY,
            "fps": prediction.fps,
        }
        file.write(f'"metadata": {json.dumps(metadata)}')
        _write(file, "keypoints", tracks.points, lambda block: block.swapaxes(2, 3))
        seen = tracks.points if tracks.confidence is None else tracks.confidence
        _write(file, "scores", seen, _visible if tracks.confidence is None else _as_it_is)
        _write(file, "annotations", prediction.views[0].labels, lambda block: block.argmax(axis=1))
        file.write("}")

    yield add
    file.write("\n}}\n")


def _checked(prediction: Prediction) -> Recording:
    tracks = prediction.tracks
    why = ""
    if len(prediction.views) != 1:
        why = f"it is seen in {len(prediction.views)} ways, and the format has one label track"
    elif tracks is None:
        why = "its keypoints were not kept"
    elif tracks.points.shape[-1] != 2:
        why = "its keypoints have three dimensions, and the format has x and y"
    elif any((block.sum(axis=1) != 1).any() for _, block in in_blocks(prediction.views[0].labels)):
        why = "not every frame has one class, and the format knows no other"
    if why or tracks is None:
        raise UserError(f"{prediction.recording} cannot be written as calms21: {why}. `--format csv` can")
    return tracks


def _write(
    file: IO[str], key: str, values: NDArray[Any], change: Callable[[NDArray[Any]], NDArray[Any]]
) -> None:
    file.write(f',\n"{key}": [')
    for start in range(0, len(values), FRAMES_AT_ONCE):
        changed = change(values[start : start + FRAMES_AT_ONCE])
        if changed.dtype.kind == "f":
            changed = changed.astype(np.float64).round(DECIMALS)
        file.write(f"{', ' if start else ''}{json.dumps(changed.tolist())[1:-1]}")
        let_go(values)
    file.write("]")


def _visible(points: NDArray[np.float32]) -> NDArray[np.float32]:
    visible = np.logical_not(np.isnan(points).any(axis=-1))
    return np.asarray(visible, dtype=np.float32)


def _as_it_is(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return values
