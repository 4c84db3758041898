"""Lays views one after another on one axis of frames, and finds the windows on it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from mabe_core.data.windows import WindowShape, tiling, training_starts
from mabe_core.errors import UserError
from mabe_core.exchange import Partition, Pose, Role


class Tables:
    """Views laid one after another on one axis of frames.

    margin: empty frames on both sides of each, for steps that compute features themselves and so need poses;
    None where no step does, and poses are not kept. frames: of each view that will be added.
    """

    def __init__(
        self, margin: int | None, frames: Sequence[int], dtype: torch.dtype, device: torch.device
    ) -> None:
        self.margin = margin
        self._frames = frames
        self._like = torch.empty(0, dtype=dtype, device=device)
        self.end = 0
        self.places: dict[int, list[int]] = {}  # of each recording, the first frames of its views on the axis
        self.poses: list[Pose] = []
        self.inside: list[Tensor] = []  # bool, False in the margins
        self.columns = self._like  # (frames, inputs), 0 in the margins
        self.targets: list[np.ndarray] = []

    def room(self, inputs: int) -> Tensor:
        """Return where the next view's columns are to be written: hours of them are not to be there twice."""
        margin, number = self.margin or 0, len(self.targets)
        if not number:
            total = sum(self._frames) + 2 * margin * len(self._frames)
            self.columns = self._like.new_zeros(total, inputs)
        elif inputs != self.columns.shape[1]:
            return self._like.new_empty(self._frames[number], inputs)
        first = self.end + margin
        return self.columns[first : first + self._frames[number]]

    def add(self, recording: int, pose: Pose, targets: np.ndarray) -> None:
        """Add a view whose columns are written."""
        margin = self.margin or 0
        self.places.setdefault(recording, []).append(self.end + margin)
        self.end += len(targets) + 2 * margin
        around = [(margin, margin), (0, 0)][: targets.ndim]
        self.targets.append(np.pad(targets, around, constant_values=-1))
        if self.margin is not None:
            real = torch.ones(len(targets), dtype=torch.bool, device=pose.points.device)
            self.inside.append(_padded(real, margin, False))
            self.poses.append(
                Pose(
                    _padded(pose.points, margin, torch.nan),
                    {name: _padded(column, margin, 0.0) for name, column in pose.columns.items()},
                )
            )

    def pose(self) -> Pose:
        names = self.poses[0].columns
        return Pose(
            torch.cat([pose.points for pose in self.poses]),
            {name: torch.cat([pose.columns[name] for pose in self.poses]) for name in names},
        )

    def training(
        self, targets: np.ndarray, partition: Partition, window: WindowShape, classes: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the starts of training windows, and the labelled training frames a class, (classes,)."""
        starts, counts = [], np.zeros(classes, dtype=np.int64)
        for segment in partition.of("train"):
            for first in self.places[segment.recording]:
                inside = targets[first + segment.start : first + segment.stop]
                starts.append(first + segment.start + training_starts(is_labelled(inside), window))
                if inside.ndim > 1:
                    counts += (inside == 1).sum(axis=0)
                else:
                    counts += np.bincount(inside[inside >= 0], minlength=classes)
        return np.concatenate(starts), counts

    def tiles(self, partition: Partition, window: WindowShape, role: Role) -> tuple[np.ndarray, np.ndarray]:
        """Return windows that cover the segments of one part, and which of their frames count."""
        starts, counts = [], []
        for segment in partition.of(role):
            begins, counted = tiling(segment.stop - segment.start, window)
            for first in self.places[segment.recording]:
                starts.append(first + segment.start + begins)
                counts.append(counted)
        return np.concatenate(starts), np.concatenate(counts)

    def labelled(
        self, targets: np.ndarray, starts: np.ndarray, counts: np.ndarray, window: WindowShape
    ) -> int:
        """Return how many frames of these windows count and are labelled."""
        places = starts[:, None] + np.arange(window.length) * window.gap
        return int((is_labelled(targets)[places] & counts).sum())

    def frames(self, partition: Partition, role: Role) -> int:
        """Return the frames of one part, over all views."""
        return sum(
            (segment.stop - segment.start) * len(self.places[segment.recording])
            for segment in partition.of(role)
        )


def is_labelled(targets: np.ndarray) -> np.ndarray:
    """Return which frames have a label, bool (frames,), of targets as of `targets_of`."""
    known: np.ndarray = (targets >= 0).reshape(len(targets), -1)
    return np.asarray(known.any(axis=1))


def targets_of(labels: np.ndarray, name: str, *, exclusive: bool) -> np.ndarray:
    """Return what a loss is given of a label track: int64 (frames,), a class or -1, where classes exclude
    each other; else the track itself, int8 (frames, classes)."""
    return class_index(labels, name) if exclusive else labels


def class_index(labels: np.ndarray, name: str) -> np.ndarray:
    """Map an exclusive label track int8 (frames, classes) to int64 (frames,), -1 where unlabelled."""
    index = np.where((labels == 1).any(axis=1), labels.argmax(axis=1), -1)
    wrong = np.flatnonzero(((labels == 1).sum(axis=1) > 1) | ((index < 0) & (labels == 0).any(axis=1)))
    if len(wrong):
        raise UserError(f"recording {name}: frame {wrong[0]} must have one class, or be unlabelled in all")
    return index.astype(np.int64)


def _padded(values: Tensor, margin: int, fill: float) -> Tensor:
    if not margin:
        return values
    edge = values.new_full((margin, *values.shape[1:]), fill)
    return torch.cat([edge, values, edge])
