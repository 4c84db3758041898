"""Writes predictions to files: bouts or frames as CSV, and events as BORIS exports them."""

from __future__ import annotations

import contextlib
import csv
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from mabe_core.errors import UserError
from mabe_core.inference.formats import check_format
from mabe_core.inference.prediction import Prediction
from mabe_core.long_arrays import in_blocks, let_go
from mabe_core.runs.files import temporary_name, writing

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


@contextlib.contextmanager
def table_file(
    file: Path, classes: Sequence[str], form: str, *, frames: bool = False, force: bool = False
) -> Iterator[Callable[[Prediction], None]]:
    """Open a table and yield what adds a prediction; the file is there once all are added, or not at all.

    form, frames: as for `check_format`. Raises UserError where there is a file, unless `force`.
    """
    check_format(form, frames=frames)
    if file.exists() and not force:
        raise UserError(f"{file} exists; `--force` overwrites it, `-o` names another")
    titles, rows = _TABLES["frames" if frames else form]
    temporary = temporary_name(file)
    try:
        with writing(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as opened:
                table = csv.writer(opened, lineterminator="\n")
                table.writerow(titles(classes))
                yield lambda prediction: table.writerows(rows(prediction))
                opened.flush()
                os.fsync(opened.fileno())
            temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)


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
                told = [f"{each:.4f}" for each in probabilities]
                yield prediction.recording, view.agent, view.target, frame, "+".join(names), *told
            let_go(view.probabilities)


def _boris(prediction: Prediction) -> Rows:
    """Yield START and STOP of each bout; times to the microsecond, which says frames exactly up to 1 kHz."""
    length = f"{prediction.frames / prediction.fps:.6f}"
    events = []
    for bout in prediction.bouts:
        subject = bout.agent if len(prediction.views) > 1 else NOBODY
        told = f"{bout.agent} to {bout.target}, " if bout.target else ""
        comment = f"{told}probability {bout.probability:.4f}"
        # at one moment a bout stops before another starts
        events.append((bout.start, 1, bout.start_second, subject, bout.behaviour, "START", comment))
        events.append((bout.stop, 0, bout.stop_second, subject, bout.behaviour, "STOP", ""))
    for frame, _, time, subject, behaviour, status, comment in sorted(events):
        yield (
            prediction.recording,
            "",
            "",
            "Media file",
            "",
            length,
            f"{prediction.fps:g}",
            subject,
            behaviour,
            "",
            status,
            f"{time:.6f}",
            frame,
            comment,
        )


# of each: what gives the titles for the classes there are, and what gives the rows of a prediction
_TABLES: dict[str, tuple[Callable[[Sequence[str]], Sequence[str]], Callable[[Prediction], Rows]]] = {
    "csv": (lambda _: BOUTS, _bouts),
    "boris": (lambda _: BORIS, _boris),
    "frames": (lambda classes: [*FRAMES, *(f"p_{name}" for name in classes)], _frames),
}
