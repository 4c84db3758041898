"""Predictions as CSV: bouts, frames, and events as BORIS exports them."""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any

from mabe_core.inference.prediction import PredictedBout, Prediction
from mabe_core.long_arrays import in_blocks, let_go

BOUTS = (
    "recording",
    "agent",
    "target",
    "behaviour",
    "start_frame",
    "stop_frame",
    "start_second",
    "stop_second",
    "probability",
)
FRAMES = ("recording", "agent", "target", "frame", "behaviour")
# the columns of BORIS 8's "tabular events", of which a table without media leaves some empty
BORIS = (
    "Observation id",
    "Observation date",
    "Description",
    "Observation type",
    "Source",
    "Media duration (s)",
    "FPS (frame/s)",
    "Subject",
    "Behavior",
    "Behavioral category",
    "Behavior type",
    "Time",
    "Image index",
    "Comment",
)
NOBODY = "No focal subject"

Rows = Iterator[Sequence[Any]]
Add = Callable[[Prediction], None]


@contextlib.contextmanager
def bouts(file: IO[str], classes: Sequence[str]) -> Iterator[Add]:
    """Write a row a bout."""
    with _table(file, BOUTS, _bouts) as add:
        yield add


@contextlib.contextmanager
def frames(file: IO[str], classes: Sequence[str]) -> Iterator[Add]:
    """Write a row a frame, with the probability of each class."""
    with _table(file, [*FRAMES, *(f"p_{name}" for name in classes)], _frames) as add:
        yield add


@contextlib.contextmanager
def boris_events(file: IO[str], classes: Sequence[str]) -> Iterator[Add]:
    """Write START and STOP of each bout, as BORIS exports them."""
    with _table(file, BORIS, _boris) as add:
        yield add


def events(prediction: Prediction) -> list[tuple[int, bool, PredictedBout]]:
    """Return (frame, whether it starts, bout) in order of time; a bout stops before another starts."""
    found = [(bout.start, True, bout) for bout in prediction.bouts]
    found += [(bout.stop, False, bout) for bout in prediction.bouts]
    return sorted(found, key=lambda each: (each[0], each[1], each[2].agent, each[2].behaviour))


def told(bout: PredictedBout) -> str:
    """Return what is said of a bout beside its behaviour."""
    pair = f"{bout.agent} to {bout.target}, " if bout.target else ""
    return f"{pair}probability {bout.probability:.4f}"


@contextlib.contextmanager
def _table(file: IO[str], titles: Sequence[str], rows: Callable[[Prediction], Rows]) -> Iterator[Add]:
    table = csv.writer(file, lineterminator="\n")
    table.writerow(titles)
    yield lambda prediction: table.writerows(rows(prediction))


def _bouts(prediction: Prediction) -> Rows:
    for bout in prediction.bouts:
        yield (
            prediction.recording,
            bout.agent,
            bout.target,
            bout.behaviour,
            bout.start,
            bout.stop,
            f"{bout.start_second:.6f}",
            f"{bout.stop_second:.6f}",
            f"{bout.probability:.4f}",
        )


def _frames(prediction: Prediction) -> Rows:
    for view in prediction.views:
        for start, block in in_blocks(view.labels):
            together = zip(block, view.probabilities[start : start + len(block)], strict=True)
            for frame, (labels, probabilities) in enumerate(together, start):
                names = [name for name, label in zip(prediction.classes, labels, strict=True) if label == 1]
                numbers = [f"{each:.4f}" for each in probabilities]
                yield prediction.recording, view.agent, view.target, frame, "+".join(names), *numbers
            let_go(view.probabilities)


def _boris(prediction: Prediction) -> Rows:
    """Yield START and STOP of each bout; times to the microsecond, which says frames exactly up to 1 kHz."""
    length = f"{prediction.frames / prediction.fps:.6f}"
    for frame, starts, bout in events(prediction):
        yield (
            prediction.recording,
            "",
            "",
            "Media file",
            "",
            length,
            f"{prediction.fps:g}",
            bout.agent if len(prediction.views) > 1 else NOBODY,
            bout.behaviour,
            "",
            "START" if starts else "STOP",
            f"{bout.start_second if starts else bout.stop_second:.6f}",
            frame,
            told(bout) if starts else "",
        )
