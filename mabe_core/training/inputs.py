"""From recordings to tables on the device, and from window starts to batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import attrs
import numpy as np
import torch
from torch import Tensor

from mabe_core.data.windows import WindowShape, tiling, training_starts
from mabe_core.errors import Problem, UserError
from mabe_core.exchange import Dataset, DataShape, Partition, Pose, PoseLayout, Recording, Role, View
from mabe_core.experiment.schema import Data
from mabe_core.training.features import FeaturePipeline


class Batches(Protocol):
    """Maps window starts int64 (batch,) to a batch.

    Inputs are (batch, frames, inputs), targets int64 (batch, frames).
    """

    def __call__(self, starts: Tensor) -> tuple[Tensor, Tensor]: ...


@attrs.frozen(eq=False)
class TableBatches:
    """Batches gathered out of features that were computed once a recording.

    columns (frames, inputs), targets (frames,), offsets (window frames,).
    """

    columns: Tensor
    targets: Tensor
    offsets: Tensor

    def __call__(self, starts: Tensor) -> tuple[Tensor, Tensor]:
        index = starts[:, None] + self.offsets
        return self.columns[index], self.targets[index]


@attrs.frozen(eq=False)
class AugmentedBatches:
    """Batches whose keypoints are changed at random, and whose local features are computed after that.

    pose: of all recordings on one axis of frames, with `context` missing frames on both sides of each.
    """

    pose: Pose
    targets: Tensor
    offsets: Tensor
    pipeline: FeaturePipeline

    def __call__(self, starts: Tensor) -> tuple[Tensor, Tensor]:
        context, gap = self.pipeline.context, int(self.offsets[1]) if len(self.offsets) > 1 else 1
        span = (len(self.offsets) - 1) * gap + 1
        around = torch.arange(-context, span + context, device=starts.device)
        index = starts[:, None] + around
        window = Pose(
            self.pose.points[index], {name: column[index] for name, column in self.pose.columns.items()}
        )
        columns, _ = self.pipeline.columns(self.pipeline.local(self.pipeline.augment(window)))
        inside = columns[:, context : context + span : gap]
        return inside, self.targets[starts[:, None] + self.offsets]


@attrs.frozen(eq=False)
class TrainingData:
    """What the loop trains and validates on, all of it on the device.

    train: batches for starts out of train_starts. validation: batches for validation_starts, whose frames
    that count are marked in validation_counts bool (windows, frames).
    """

    shape: DataShape
    train: Batches
    train_starts: Tensor
    validation: Batches
    validation_starts: Tensor
    validation_counts: Tensor
    class_counts: tuple[int, ...]
    frames: int
    notice: str = ""


def prepare(
    data: Data, dataset: Dataset, partition: Partition, *, dtype: torch.dtype, device: torch.device
) -> TrainingData:
    """Compute features and lay out windows.

    Raises UserError, with the key of the experiment at fault, where data and experiment do not fit.
    """
    window = WindowShape(data.sequence_length, data.frame_gap)
    _check_window(dataset, partition, window)
    layouts = {_layout(recording, view) for recording in dataset.recordings for view in recording.views}
    pipelines = {layout: FeaturePipeline.build(data, layout) for layout in layouts}
    if data.augmentations and len(layouts) > 1:
        raise UserError(
            Problem(
                "needs recordings that are alike in individuals, keypoints and fps", path="data.augmentations"
            )
        )
    margin = max(pipeline.context for pipeline in pipelines.values()) if data.augmentations else 0
    tables = _Tables(margin)
    names: tuple[str, ...] = ()
    for number, recording in enumerate(dataset.recordings):
        for view in recording.views:
            pipeline = pipelines[_layout(recording, view)]
            points = torch.as_tensor(recording.points[:, list(view.individuals)], dtype=dtype, device=device)
            before = pipeline.whole(Pose(points))
            columns, here = pipeline.columns(pipeline.local(before))
            if names and here != names:
                raise UserError(
                    f"recording {recording.name} has other inputs than {dataset.recordings[0].name}: "
                    f"{len(here)} columns against {len(names)}"
                )
            names = here
            _check_complete(columns, recording, here)
            if len(columns) != recording.frames:
                raise UserError(
                    Problem(
                        f"{len(columns)} frames are left of the {recording.frames} of {recording.name}: a "
                        "feature must keep every frame",
                        path="data.features",
                    )
                )
            tables.add(number, before, columns, class_index(view.labels, recording.name))
    shape = DataShape(
        input_dim=len(names),
        num_classes=len(dataset.classes),
        class_names=dataset.classes,
        sequence_length=window.length,
        frame_gap=window.gap,
        fps=dataset.recordings[0].fps,
        exclusive=dataset.exclusive,
        input_names=names,
    )
    _check_shape(data, shape)
    targets = np.concatenate(tables.targets)
    starts, labelled = tables.training(partition, window)
    if not len(starts):
        raise UserError(
            Problem("no stretch for train that a window fits into has a labelled frame", path="data.split")
        )
    counts = np.bincount(labelled, minlength=shape.num_classes)
    _check_classes(counts, shape)
    validation_starts, validation_counts = tables.tiles(partition, window, "validation")
    scored = tables.labelled(targets, validation_starts, validation_counts, window)
    if not scored:
        raise UserError(Problem("no validation frame that a window reaches is labelled", path="data.split"))
    offsets = torch.arange(window.length, device=device) * window.gap
    flat_targets = torch.as_tensor(targets, device=device)
    plain = TableBatches(torch.cat(tables.columns), flat_targets, offsets)
    train: Batches = plain
    if data.augmentations:
        (pipeline,) = pipelines.values()
        train = AugmentedBatches(tables.pose(), flat_targets, offsets, pipeline)
    return TrainingData(
        shape=shape,
        train=train,
        train_starts=torch.as_tensor(starts),
        validation=plain,
        validation_starts=torch.as_tensor(validation_starts, device=device),
        validation_counts=torch.as_tensor(validation_counts, device=device),
        class_counts=tuple(int(count) for count in counts),
        frames=tables.frames(partition, "train"),
        notice=_notice(tables.frames(partition, "validation") - int(validation_counts.sum())),
    )


def class_index(labels: np.ndarray, name: str) -> np.ndarray:
    """Map an exclusive label track int8 (frames, classes) to int64 (frames,), -1 where unlabelled."""
    index = np.where((labels == 1).any(axis=1), labels.argmax(axis=1), -1)
    wrong = np.flatnonzero(((labels == 1).sum(axis=1) > 1) | ((index < 0) & (labels == 0).any(axis=1)))
    if len(wrong):
        raise UserError(f"recording {name}: frame {wrong[0]} must have one class, or be unlabelled in all")
    return index.astype(np.int64)


class _Tables:
    """Views laid one after another on one axis of frames, each with `margin` empty frames on both sides."""

    def __init__(self, margin: int) -> None:
        self.margin = margin
        self.end = 0
        self.places: list[tuple[int, int]] = []  # recording, its first frame on the axis
        self.poses: list[Pose] = []
        self.columns: list[Tensor] = []
        self.targets: list[np.ndarray] = []

    def add(self, recording: int, pose: Pose, columns: Tensor, targets: np.ndarray) -> None:
        frames, margin = len(targets), self.margin
        self.places.append((recording, self.end + margin))
        self.end += frames + 2 * margin
        self.columns.append(_padded(columns, margin, 0.0))
        self.targets.append(np.pad(targets, margin, constant_values=-1))
        if margin:
            self.poses.append(
                Pose(
                    _padded(pose.points, margin, torch.nan),
                    {name: _padded(column, margin, 0.0) for name, column in pose.columns.items()},
                )
            )
        else:
            self.poses.append(pose)

    def pose(self) -> Pose:
        names = self.poses[0].columns
        return Pose(
            torch.cat([pose.points for pose in self.poses]),
            {name: torch.cat([pose.columns[name] for pose in self.poses]) for name in names},
        )

    def training(self, partition: Partition, window: WindowShape) -> tuple[np.ndarray, np.ndarray]:
        """Return the starts of training windows, and the classes of all labelled training frames."""
        targets = np.concatenate(self.targets)
        starts, classes = [], []
        for segment in partition.of("train"):
            for first in self._places(segment.recording):
                inside = targets[first + segment.start : first + segment.stop]
                starts.append(first + segment.start + training_starts(inside >= 0, window))
                classes.append(inside[inside >= 0])
        return np.concatenate(starts), np.concatenate(classes)

    def tiles(self, partition: Partition, window: WindowShape, role: Role) -> tuple[np.ndarray, np.ndarray]:
        """Return windows that cover the segments of one part, and which of their frames count."""
        starts, counts = [], []
        for segment in partition.of(role):
            begins, counted = tiling(segment.stop - segment.start, window)
            for first in self._places(segment.recording):
                starts.append(first + segment.start + begins)
                counts.append(counted)
        return np.concatenate(starts), np.concatenate(counts)

    def labelled(
        self, targets: np.ndarray, starts: np.ndarray, counts: np.ndarray, window: WindowShape
    ) -> int:
        """Return how many frames of these windows count and are labelled."""
        places = starts[:, None] + np.arange(window.length) * window.gap
        return int(((targets[places] >= 0) & counts).sum())

    def frames(self, partition: Partition, role: Role) -> int:
        """Return the frames of one part, over all views."""
        return sum(
            (segment.stop - segment.start) * len(self._places(segment.recording))
            for segment in partition.of(role)
        )

    def _places(self, recording: int) -> Sequence[int]:
        return [first for number, first in self.places if number == recording]


def _notice(unscored: int) -> str:
    if not unscored:
        return ""
    return f"{unscored} validation frames lie in stretches shorter than a window, and are not scored."


def _padded(values: Tensor, margin: int, fill: float) -> Tensor:
    if not margin:
        return values
    edge = values.new_full((margin, *values.shape[1:]), fill)
    return torch.cat([edge, values, edge])


def _layout(recording: Recording, view: View) -> PoseLayout:
    names = tuple(recording.individuals[number] for number in view.individuals)
    return PoseLayout(names, recording.keypoints, recording.points.shape[-1], recording.fps)


def _check_window(dataset: Dataset, partition: Partition, window: WindowShape) -> None:
    for role in ("train", "validation"):
        lengths = [segment.stop - segment.start for segment in partition.segments if segment.role == role]
        if not lengths:
            raise UserError(Problem(f"leaves nothing for {role}", path="data.split"))
        if max(lengths) < window.span:
            raise UserError(
                Problem(
                    f"a window spans {window.span} frames, but the longest stretch for {role} has "
                    f"{max(lengths)}. Use at most {(max(lengths) - 1) // window.gap + 1} "
                    f"(the longest recording has {max(r.frames for r in dataset.recordings)} frames)",
                    path="data.sequence_length",
                )
            )


def _check_complete(columns: Tensor, recording: Recording, names: tuple[str, ...]) -> None:
    missing = ~columns.isfinite()
    if missing.any():
        worst = names[int(missing.sum(0).argmax())]
        raise UserError(
            Problem(
                f"recording {recording.name}: {int(missing.sum())} of {missing.numel()} inputs are missing "
                f"(most in {worst}). Add the feature `interpolate`",
                path="data.features",
            )
        )


def _check_shape(data: Data, shape: DataShape) -> None:
    for key, asked, found in (
        ("input_dim", data.input_dim, shape.input_dim),
        ("num_classes", data.num_classes, shape.num_classes),
    ):
        if asked is not None and asked != found:
            what = f"{found} ({', '.join(shape.class_names)})" if key == "num_classes" else found
            raise UserError(
                Problem(f"is {asked}, but the data has {what}. Say {found}, or nothing", path=f"data.{key}")
            )


def _check_classes(counts: np.ndarray, shape: DataShape) -> None:
    never = [name for name, count in zip(shape.class_names, counts, strict=True) if not count]
    if never:
        raise UserError(
            Problem(
                f"no training frame is labelled {' or '.join(never)}. Leave it out of the classes, or split "
                "the data another way",
                path="data.dataset",
            )
        )
