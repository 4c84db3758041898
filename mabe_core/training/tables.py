"""Lays views one after another on one axis of frames, and finds the windows on it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from mabe_core.data.windows import WindowShape, tiling, training_starts
from mabe_core.errors import UserError
from mabe_core.exchange import Partition, Pose, Role
from mabe_core.long_arrays import give_back
from mabe_core.training.placing import Placing


class Tables:
    """Views laid one after another on one axis of frames, in tensors that are allocated once.

    margin: empty frames on both sides of each, for steps that compute features themselves and so need poses;
    None where no step does, and poses are not kept. lengths: frames of each view, without margins. like: a
    tensor of the inputs' format, on the device. beside: bytes a frame that is kept beside its inputs.
    size: bytes that all tables take; resident: whether they are on the device. Both are known with the first
    view.
    """

    def __init__(
        self, margin: int | None, lengths: Sequence[int], placing: Placing, like: Tensor, beside: int
    ) -> None:
        self.margin = margin
        self.end = 0
        self.places: dict[int, list[int]] = {}  # of each recording, the first frames of its views on the axis
        self.targets: list[np.ndarray] = []
        self.size = 0
        self.resident = True
        self._lengths = lengths
        self._frames = sum(lengths) + 2 * len(lengths) * (margin or 0)
        self._placing = placing
        self._like = like
        self._beside = beside
        self._tables: dict[str, Tensor] = {}

    def room(self, inputs: int) -> Tensor:
        """Return where the next view's inputs are to be written: hours of them are not to be there twice."""
        number = len(self.targets)
        if not number:
            self.size = self._frames * (inputs * self._like.element_size() + self._beside)
            self.resident = self._placing.fits(self.size)
            give_back()  # what features of the first recording, which may be the only one, needed meanwhile
            self._keep("columns", self._like.new_empty(0, inputs))
            self.columns.zero_()
        elif inputs != self.columns.shape[1]:  # for whoever asks to tell
            return self._like.new_empty(self._lengths[number], inputs)
        first = self.end + (self.margin or 0)
        return self.columns[first : first + self._lengths[number]]

    def add(self, recording: int, pose: Pose, targets: np.ndarray) -> None:
        """Add a view whose inputs are written."""
        margin = self.margin or 0
        self.places.setdefault(recording, []).append(self.end + margin)
        around = [(margin, margin), (0, 0)][: targets.ndim]
        self.targets.append(np.pad(targets, around, constant_values=-1))
        stop = self.end + len(targets) + 2 * margin
        if self.margin is not None:
            real = torch.ones(len(targets), dtype=torch.bool, device=pose.points.device)
            named = {f"pose.{name}": (column, 0.0) for name, column in pose.columns.items()}
            parts = {"inside": (real, False), "points": (pose.points, torch.nan), **named}
            for name, (part, fill) in parts.items():
                if name not in self._tables:
                    self._keep(name, part)
                rows = self._tables[name][self.end : stop]
                rows[:margin] = rows[len(rows) - margin :] = fill
                rows[margin : len(rows) - margin] = part
        self.end = stop

    def _keep(self, name: str, like: Tensor) -> None:
        home = like.device if self.resident else torch.device("cpu")
        self._tables[name] = like.new_empty((self._frames, *like.shape[1:]), device=home)

    @property
    def columns(self) -> Tensor:
        """The model's inputs, (frames, inputs), 0 in the margins."""
        return self._tables["columns"]

    @property
    def inside(self) -> Tensor:
        """bool (frames,), False in the margins."""
        return self._tables["inside"]

    def pose(self) -> Pose:
        """Return the poses of all views, their points missing in the margins."""
        columns = {
            name.removeprefix("pose."): table
            for name, table in self._tables.items()
            if name.startswith("pose.")
        }
        return Pose(self._tables["points"], columns)

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
