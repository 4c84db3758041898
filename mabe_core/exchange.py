"""What the kinds of component exchange: recordings, labels, poses, shapes.

Light to import: numpy and torch appear in annotations only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal, Protocol, get_args, runtime_checkable

import attrs

from mabe_core.errors import UserError, nearest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

Role = Literal["train", "validation", "test"]
ROLES: tuple[Role, ...] = get_args(Role)

UNLABELLED = -1


@attrs.frozen(eq=False)
class PoseTracks:
    """Keypoints as a pose reader finds them in one file.

    points: float32 (frames, individuals, keypoints, 2 or 3), NaN where a point is missing.
    confidence: float32 (frames, individuals, keypoints) in [0, 1], or None.
    fps: frames a second, or None where the format does not tell.
    notes: what the reader changed, for the import report.
    """

    points: NDArray[np.float32]
    individuals: tuple[str, ...]
    keypoints: tuple[str, ...]
    confidence: NDArray[np.float32] | None = None
    fps: float | None = None
    notes: tuple[str, ...] = ()


@attrs.frozen
class Bout:
    """One stretch of one behaviour, `start` inclusive and `stop` exclusive, in the annotation's unit.

    agent and target are names of individuals, or "" where the format does not tell.
    line: the line of the file it came from, from 1.
    """

    behaviour: str
    start: float
    stop: float
    agent: str = ""
    target: str = ""
    line: int | None = None


@attrs.frozen
class Annotation:
    """What a label reader finds in one file.

    unit: whether times are frames (from 0) or seconds.
    observed: stretches that somebody watched, (start, stop) in the same unit; inside them a frame
        without a bout is background, outside them it is unlabelled. None: from the first frame to the last.
    fps: frames a second that the file claims, or None.
    notes: what the reader repaired, counted, for the import report.
    """

    bouts: tuple[Bout, ...]
    unit: Literal["frames", "seconds"]
    observed: tuple[tuple[float, float], ...] | None = None
    fps: float | None = None
    notes: tuple[str, ...] = ()


@attrs.frozen(eq=False)
class View:
    """A recording seen by ordered individuals (agent first, then target), with its label track.

    individuals: indices into the recording's individuals.
    labels: int8 (frames, classes): 1, 0, or -1 for unlabelled.
    asked: the classes that are asked for in this view, where the dataset says so.
    """

    individuals: tuple[int, ...]
    labels: NDArray[np.int8]
    asked: tuple[str, ...] | None = None


@attrs.frozen(eq=False)
class Recording:
    """One filmed session: keypoints of all individuals over time, and its views.

    points: float32 (frames, individuals, keypoints, 2 or 3), NaN where missing.
    confidence: float32 (frames, individuals, keypoints), or None.
    fps: frames a second.
    groups: what data is split by, such as {"subject": "m3", "lab": "x"}.
    role: the part that the dataset itself gives this recording, where it gives one.
    pixels_per_cm: how many units of the points a centimetre has, where that is known.
    film_fps, film_frames: the film's own frames a second, and how many it has, where points were brought to
        another rate.
    """

    name: str
    points: NDArray[np.float32]
    fps: float
    individuals: tuple[str, ...]
    keypoints: tuple[str, ...]
    views: tuple[View, ...]
    confidence: NDArray[np.float32] | None = None
    groups: Mapping[str, str] = attrs.field(factory=dict)
    role: Role | None = None
    pixels_per_cm: float | None = None
    film_fps: float | None = None
    film_frames: int | None = None

    @property
    def frames(self) -> int:
        return int(self.points.shape[0])


@attrs.frozen(eq=False)
class Dataset:
    """What a dataset component builds.

    classes: names in the order of the label track's columns.
    exclusive: whether each labelled frame has exactly one class.
    notes: what the import report tells besides its counts: repairs, what matched nothing, what lay outside.
    """

    recordings: tuple[Recording, ...]
    classes: tuple[str, ...]
    exclusive: bool = True
    notes: tuple[str, ...] = ()


@attrs.frozen
class DataAccess:
    """Where a data name is looked up: folders, in order of preference; remedy: what to do where it is not."""

    folders: tuple[Path, ...]
    remedy: str = "Set --data-dir or $MABE_DATA to the folder that holds it"

    def find(self, name: str) -> Path:
        """Return the folder or file of a data name.

        Raises UserError that lists where it was looked for and what is there instead. The same data has one
        name, since the name is in the experiment's id.
        """
        if Path(name).is_absolute() or ".." in Path(name).parts or name in ("", "."):
            raise UserError(
                f"data is named, never a path of one machine: {name!r}. Put the folder under --data-dir, "
                "$MABE_DATA or ./data and name it relative to that."
            )
        canonical = PurePosixPath(name).as_posix()
        if canonical != name:
            raise UserError(f"data is named in one way only: write {canonical!r}, not {name!r}.")
        for folder in self.folders:
            if (folder / name).exists():
                return folder / name
        there = sorted(
            {
                entry.name
                for folder in self.folders
                if folder.is_dir()
                for entry in folder.iterdir()
                if entry.is_dir()
            }
        )
        looked = ", ".join(str(folder) for folder in self.folders)
        guess = nearest(name, there)
        hint = f" Did you mean {guess!r}?" if guess is not None else ""
        raise UserError(
            f"no data named {name!r} under {looked}. {self.remedy}"
            + (f" (found there: {', '.join(there[:12])})." if there else ".")
            + hint
        )


@attrs.frozen
class Segment:
    """Frames [start, stop) of recording number `recording`, and the part they are used for."""

    recording: int
    start: int
    stop: int
    role: Role


@attrs.frozen
class Partition:
    """What a split decides; `notice` is told beside every score that comes of it."""

    segments: tuple[Segment, ...]
    notice: str = ""

    def of(self, role: Role) -> tuple[Segment, ...]:
        """Return the segments of one part, in order."""
        return tuple(segment for segment in self.segments if segment.role == role)


@attrs.frozen
class SplitContext:
    """What a split may use: the frames that one window spans, the experiment's seed, names of the classes."""

    window_span: int
    seed: int
    classes: tuple[str, ...] = ()


Splitter = Callable[[Sequence[Recording], SplitContext], Partition]


@attrs.frozen
class PoseLayout:
    """What the points of a view are, for features and augmentations; agent first.

    individuals, keypoints: names; dims: 2 or 3; fps: frames a second; pixels_per_cm: the recording's, where
    the dataset says it.
    """

    individuals: tuple[str, ...]
    keypoints: tuple[str, ...]
    dims: int
    fps: float
    pixels_per_cm: float | None = None


@attrs.frozen(eq=False)
class Pose:
    """What features and augmentations map: points, and columns derived from them.

    points: (..., frames, individuals, keypoints, dims), NaN where missing. They end up as the first columns
        of the model's input.
    columns: further inputs by name, each (..., frames, width).
    """

    points: Tensor
    columns: Mapping[str, Tensor] = attrs.field(factory=dict)


class Feature(Protocol):
    """A map from pose to pose that looks at most `context` frames to either side.

    context None means that it looks at the whole recording. Such a feature may offer `over(blocks)`, which
    `mabe predict` asks of a recording too long to be had at once: `blocks()` yields its pose block after
    block, as often as it is called; returned is a feature with context 0 that does to any block what this one
    does to the whole.
    """

    @property
    def context(self) -> int | None: ...

    def __call__(self, pose: Pose) -> Pose: ...


Augmentation = Callable[[Pose], Pose]


@attrs.frozen
class DataShape:
    """What a model's build needs to know of the data."""

    input_dim: int
    num_classes: int
    class_names: tuple[str, ...]
    sequence_length: int
    frame_gap: int = 1
    fps: float = 30.0
    exclusive: bool = True
    input_names: tuple[str, ...] = ()


@attrs.frozen
class EncodingShape:
    """What a positional encoding's build needs: widths of the model and of one head, and the window."""

    model_dim: int
    head_dim: int
    sequence_length: int


@attrs.frozen
class LossContext:
    """What a loss's build needs: the data's shape and the labelled training frames a class."""

    data: DataShape
    class_counts: tuple[int, ...]


@attrs.frozen
class ScheduleContext:
    """What a scheduler's build needs; learning_rate is the optimizer's, the factor's unit.

    scores: the names of what each epoch is scored by on the validation data. monitor: the one that decides
    which epoch is best. lower_is_better: those that are errors.
    """

    total_steps: int
    steps_per_epoch: int
    learning_rate: float
    scores: tuple[str, ...] = ("loss",)
    monitor: str = "loss"
    lower_is_better: frozenset[str] = frozenset({"loss"})


@runtime_checkable
class WatchingSchedule(Protocol):
    """A schedule that watches scores: what it gives for an epoch follows from the epochs before.

    It is told the scores of each epoch once that has ended, and, when a run goes on, first those of all
    epochs before: so it keeps nothing that would have to be saved.
    """

    def __call__(self, step: int) -> float: ...

    def epoch_ended(self, scores: Mapping[str, float]) -> None: ...


@attrs.frozen(eq=False)
class ScoredFrames:
    """One stretch of a recording, seen by some individuals (agent first), frame by frame.

    truth: int8 (frames, classes), 1, 0, or -1 for unlabelled. probability: floating (frames, classes).
    predicted: int8 (frames, classes), 1 or 0, after post-processing.
    groups: the recording's, such as its lab.
    """

    recording: str
    individuals: tuple[str, ...]
    fps: float
    truth: NDArray[np.int8]
    probability: NDArray[np.floating]
    predicted: NDArray[np.int8]
    groups: Mapping[str, str] = attrs.field(factory=dict)


def _counted(evaluation: Evaluation) -> NDArray[np.int64]:
    import numpy as np

    assert evaluation.confusion is not None, "without a confusion, counts are given"
    hits = evaluation.confusion.diagonal()
    false, missed = (evaluation.confusion.sum(axis=axis) - hits for axis in (0, 1))
    return np.stack([hits, false, missed], axis=1)


@attrs.frozen(eq=False)
class Evaluation:
    """What a metric is computed from, pooled over all labelled frames.

    confusion: int64 (classes, classes), rows truth, columns prediction; None where a frame may have several
        classes.
    loss: the loss function's mean over batches, each weighted by its labelled frames.
    stretches: every frame, in final scoring only; None after an epoch, when only counts are kept. A metric
        that wants them says so in its spec (`needs`), and is then called in final scoring alone.
    counts: int64 (classes, 3), true positives, false positives and false negatives of each class, over the
        frames that are labelled for it; from the confusion where there is one.
    """

    confusion: NDArray[np.int64] | None
    loss: float
    class_names: tuple[str, ...]
    stretches: tuple[ScoredFrames, ...] | None = None
    counts: NDArray[np.int64] = attrs.field(default=attrs.Factory(_counted, takes_self=True))


@attrs.frozen(eq=False)
class LabelledFrames:
    """A label track by itself: truth int8 (frames, classes), 1, 0, or -1; fps: frames a second."""

    fps: float
    truth: NDArray[np.int8]


@attrs.frozen(eq=False)
class FittingContext:
    """What post-processing is fitted on: nothing of it is of the test part.

    scored: every validation stretch; its probability is what the steps before this one made of the model's,
        its predicted what is decided by that. training: the label tracks that the model was trained on.
    """

    data: DataShape
    scored: tuple[ScoredFrames, ...]
    training: tuple[LabelledFrames, ...]


# maps probabilities, floating (frames, classes), of a stretch of so many frames a second to better ones
PostProcessing = Callable[["NDArray[np.floating]", float], "NDArray[np.floating]"]
