"""What a finished run's best checkpoint says of every held-out frame: scores.json and scores.safetensors.

scores.json is small and tells everything that is counted; scores.safetensors has the frames. It is written
first, and its SHA-256 stands in scores.json, which makes the two one.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from mabe_core.errors import UserError
from mabe_core.runs.directory import RunDirectory
from mabe_core.runs.files import read_json, write_json, write_whole
from mabe_core.runs.shape import known, misfits

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FORMAT = 1


@attrs.frozen(kw_only=True)
class Stretch:
    """Frames [start, stop) of one recording, seen by `individuals` (agent first), and how they were scored.

    counts: of each class, [true positives, false positives, false negatives] over labelled frames.
    confusion: (classes, classes), rows truth; None where a frame may have several classes.
    scores: each metric on this stretch alone. groups: those of the recording, such as its lab.
    """

    recording: str
    individuals: list[str]
    fps: float
    start: int
    stop: int
    counts: list[list[int]]
    confusion: list[list[int]] | None
    scores: dict[str, float]
    groups: dict[str, str] = attrs.field(factory=dict)


@attrs.frozen(eq=False)
class Frames:
    """The frames of one stretch.

    truth: int8 (frames, classes), 1, 0, or -1 for unlabelled. probability: float16 (frames, classes).
    predicted: int8 (frames, classes), 1 or 0, after post-processing.
    """

    truth: NDArray[np.int8]
    probability: NDArray[np.float16]
    predicted: NDArray[np.int8]


@attrs.frozen(kw_only=True)
class Scores:
    """What scores.json holds.

    checkpoint, model: the checkpoint's name and the SHA-256 of its model. classes: their names, in order.
    held_out: the part whose scores are told: "test" where the split has one, else "validation".
    notice: what is to be told beside every score. pooled: part → metric → score over all its frames.
    stretches: part → its stretches. frames: SHA-256 of scores.safetensors.
    """

    checkpoint: str
    model: str
    classes: list[str]
    held_out: str
    notice: str
    pooled: dict[str, dict[str, float]]
    stretches: dict[str, tuple[Stretch, ...]]
    frames: str


def write_scores(run: RunDirectory, scores: Scores, frames: Mapping[str, Sequence[Frames]]) -> Scores:
    """Write both files; return the scores with the hash of the frames. frames: part → one a stretch."""
    from safetensors.numpy import save

    content = save(
        {
            f"{part}.{number}.{field.name}": getattr(each, field.name)
            for part, those in frames.items()
            for number, each in enumerate(those)
            for field in attrs.fields(Frames)
        }
    )
    whole = attrs.evolve(scores, frames=hashlib.sha256(content).hexdigest())
    write_whole(run.score_frames, content)
    write_json(run.scores, {"format": FORMAT, **attrs.asdict(whole)})
    return whole


def read_scores(run: RunDirectory) -> Scores | None:
    """Return a run's scores; None where it has none yet; raise UserError where the file is damaged."""
    if not run.scores.exists():
        return None
    found = read_json(run.scores)
    try:
        return _parsed(found)
    except ValueError as error:
        raise UserError(
            f"{run.scores} is damaged ({error}); `mabe evaluate {run.id}` writes it anew"
        ) from error


def read_frames(run: RunDirectory, scores: Scores) -> dict[str, list[Frames]]:
    """Return the frames of each part's stretches; raise UserError where they are not those of the scores."""
    from safetensors.numpy import load

    try:
        content = run.score_frames.read_bytes()
    except OSError as error:
        raise UserError(f"{run.score_frames} cannot be read: {error.strerror}") from error
    names = [field.name for field in attrs.fields(Frames)]
    told = {
        f"{part}.{number}.{name}"
        for part, those in scores.stretches.items()
        for number in range(len(those))
        for name in names
    }
    whole = hashlib.sha256(content).hexdigest() == scores.frames
    tensors = load(content) if whole else {}
    if not told <= tensors.keys() or not all(
        tensors[f"{part}.{number}.{name}"].shape == (each.stop - each.start, len(scores.classes))
        for part, those in scores.stretches.items()
        for number, each in enumerate(those)
        for name in names
    ):
        raise UserError(
            f"{run.score_frames} is not the file that scores.json was written with; `mabe evaluate {run.id}` "
            "writes both anew"
        )
    return {
        part: [
            Frames(**{name: tensors[f"{part}.{number}.{name}"] for name in names})
            for number in range(len(those))
        ]
        for part, those in scores.stretches.items()
    }


def _parsed(found: Any) -> Scores:
    if not isinstance(found, dict):
        raise ValueError("not a map")
    if found.get("format") != FORMAT:
        raise ValueError(f"of another format than {FORMAT}")
    wrong = misfits(found, Scores)
    if wrong:
        raise ValueError(", ".join(wrong))
    stretches = {
        part: tuple(Stretch(**known(each, Stretch)) for each in those)
        for part, those in found["stretches"].items()
    }
    classes = len(found["classes"])
    if not all(_counts_fit(each, classes) for each in _all(stretches)):
        raise ValueError("a stretch has other counts than those of its classes")
    if len({each.confusion is None for each in _all(stretches)}) > 1:
        raise ValueError("some stretches may have several classes a frame, others not")
    if found["held_out"] not in found["pooled"] or found["held_out"] not in stretches:
        raise ValueError(f"it has no scores of {found['held_out']!r}")
    if not all(0 <= each.start <= each.stop and 0 < each.fps < math.inf for each in _all(stretches)):
        raise ValueError("a stretch ends before it begins, or has no frames a second")
    return Scores(**{**known(found, Scores), "stretches": stretches})


def _all(stretches: Mapping[str, Sequence[Stretch]]) -> list[Stretch]:
    return [each for those in stretches.values() for each in those]


def _counts_fit(stretch: Stretch, classes: int) -> bool:
    """Tell whether a stretch's counts are a row a class, none of them below 0."""
    tables = [(stretch.counts, 3), (stretch.confusion, classes)]
    return all(
        rows is None
        or (len(rows) == classes and all(len(row) == width and min(row, default=0) >= 0 for row in rows))
        for rows, width in tables
    )
