"""Ethograms of scored stretches, packed small: annotation and prediction as lengths of equal frames."""

from __future__ import annotations

import base64
import json
import zlib
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from mabe_core.pages.bouts import runs
from mabe_core.runs.scores import Frames, Stretch

if TYPE_CHECKING:
    from numpy.typing import NDArray

# what the packed ethograms of a page may weigh together, in bytes; the rest are named, and left out
MOST = 3_000_000


@attrs.frozen(kw_only=True)
class Ethogram:
    """One stretch to be drawn.

    exclusive: one row for all classes, else one a class. wrong, labelled: frames; with several classes a
    frame, those wrong in any. packed: base64 of deflated JSON, {"annotated": rows, "predicted": rows}; a row
    is value, length, value, length…, a value a class or -1 (unlabelled) where exclusive, else 1, 0 or -1.
    """

    member: str
    part: str
    recording: str
    individuals: tuple[str, ...]
    fps: float
    start: int
    stop: int
    exclusive: bool
    wrong: int
    labelled: int
    scores: dict[str, float]
    packed: str = attrs.field(repr=False)

    @property
    def share(self) -> float:
        return self.wrong / self.labelled if self.labelled else 0.0

    def numbers(self) -> dict[str, Any]:
        """Return what is told of it in numbers."""
        return attrs.asdict(self, filter=lambda field, _: field.name != "packed")


def ethogram(member: str, part: str, stretch: Stretch, frames: Frames) -> Ethogram:
    """Return the ethogram of one stretch."""
    exclusive = stretch.confusion is not None
    if exclusive:
        annotated = [_class(frames.truth)]
        predicted = [_class(frames.predicted)]
    else:
        annotated, predicted = list(frames.truth.T), list(frames.predicted.T)
    labelled = np.stack(annotated) >= 0
    wrong = labelled & (np.stack(annotated) != np.stack(predicted))
    content = {
        "annotated": [_lengths(row) for row in annotated],
        "predicted": [_lengths(row) for row in predicted],
    }
    packed = zlib.compress(json.dumps(content, separators=(",", ":")).encode(), level=9)
    return Ethogram(
        member=member,
        part=part,
        recording=stretch.recording,
        individuals=tuple(stretch.individuals),
        fps=stretch.fps,
        start=stretch.start,
        stop=stretch.stop,
        exclusive=exclusive,
        wrong=int(wrong.any(axis=0).sum()),
        labelled=int(labelled.any(axis=0).sum()),
        scores=dict(stretch.scores),
        packed=base64.b64encode(packed).decode(),
    )


def _class(track: NDArray[np.int8]) -> NDArray[np.int64]:
    """Return the class of each frame, -1 where it has none."""
    return np.where((track == 1).any(axis=1), track.argmax(axis=1), -1).astype(np.int64)


def _lengths(row: NDArray[Any]) -> list[int]:
    starts, stops = runs(row)
    return np.stack([row[starts].astype(np.int64), stops - starts], axis=1).flatten().tolist()
