"""Refuses what a plugin's component gave where it is not what its kind promises."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from mabe_core.errors import Problem, UserError
from mabe_core.exchange import ROLES, Dataset, Partition, Recording
from mabe_core.experiment import Experiment
from mabe_core.training.blame import blame
from mabe_core.training.inputs import TrainingData
from mabe_core.training.parts import Parts


def check_dataset(experiment: Experiment, dataset: Dataset) -> None:
    """Raise UserError that lists what is wrong with a dataset's recordings, at most 20 faults.

    And where the loss is for classes of the other kind: such that may share a frame, or exclude each other.
    """
    told = list(dataset_faults(dataset))[:20]
    if told:
        name = experiment.data.dataset.name
        raise UserError(Problem(f"dataset {name} gave {fault}", path="data.dataset") for fault in told)
    loss = experiment.loss.spec
    if loss is not None and loss.exclusive != dataset.exclusive:
        has, wants = "exclude each other", "may share a frame"
        if not dataset.exclusive:
            has, wants = wants, has
        remedy = "cross_entropy" if dataset.exclusive else "binary_cross_entropy"
        raise UserError(
            Problem(
                f"{experiment.loss.name} is for classes that {wants}; those of this data {has}. Name another "
                f"loss, such as {remedy}",
                path="loss",
            )
        )


def dataset_faults(dataset: Dataset) -> Iterator[str]:
    """Yield what is wrong with a dataset's recordings and names."""
    if not dataset.recordings:
        yield "no recording"
    for what, names in (
        ("class", list(dataset.classes)),
        ("recording", [recording.name for recording in dataset.recordings]),
    ):
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            yield f"more than one {what} of the name {', '.join(twice[:5])}"
    for recording in dataset.recordings:
        for fault in _recording_faults(recording, len(dataset.classes)):
            yield f"recording {recording.name} with {fault}"


def _recording_faults(recording: Recording, classes: int) -> Iterator[str]:
    expected = (len(recording.individuals), len(recording.keypoints))
    shape = recording.points.shape
    if len(shape) != 4 or shape[1:3] != expected or shape[3] not in (2, 3):
        yield f"points {shape}, not (frames, {expected[0]}, {expected[1]}, 2 or 3)"
        return
    if recording.points.dtype != "float32":
        yield f"points of {recording.points.dtype}, not float32"
    if not shape[0]:
        yield "no frame"
    if not recording.fps > 0:
        yield f"{recording.fps} frames a second"
    if not recording.views:
        yield "no view"
    for view in recording.views:
        if view.labels.shape != (shape[0], classes) or view.labels.dtype != "int8":
            yield f"labels {view.labels.shape} of {view.labels.dtype}, not ({shape[0]}, {classes}) of int8"
        if not view.individuals or not set(view.individuals) <= set(range(expected[0])):
            yield f"a view of individuals {view.individuals}, of which there are {expected[0]}"


def check_partition(experiment: Experiment, dataset: Dataset, partition: Partition) -> None:
    """Raise UserError where segments lie outside their recording or share frames."""
    name = experiment.data.split.name
    for fault in partition_faults(dataset.recordings, partition):
        raise UserError(Problem(f"split {name} gave {fault}", path="data.split"))


def partition_faults(recordings: Sequence[Recording], partition: Partition) -> Iterator[str]:
    """Yield what is wrong with the segments: where they lie, and frames that two of them have."""
    taken: dict[int, list[tuple[int, int]]] = {}
    for segment in partition.segments:
        if not 0 <= segment.recording < len(recordings) or segment.role not in ROLES:
            yield str(segment)
            continue
        frames = recordings[segment.recording].frames
        if not 0 <= segment.start < segment.stop <= frames:
            yield f"{segment} of a recording of {frames} frames"
        taken.setdefault(segment.recording, []).append((segment.start, segment.stop))
    for recording, segments in taken.items():
        segments.sort()
        for (_, stop), (start, _) in pairwise(segments):
            if start < stop:
                yield f"frame {start} of {recordings[recording].name} to two segments"


# how many windows are changed at random to see whether points go missing by it
CHANGED_WINDOWS = 64


def check_outputs(experiment: Experiment, parts: Parts, data: TrainingData) -> None:
    """Score one small batch; raise UserError where scores or loss have another shape than promised.

    The generators are left as they were.
    """
    device = data.validation_starts.device
    starts = data.train_starts[:2].to(device)
    with torch.random.fork_rng(), torch.no_grad():
        if experiment.data.augmentations:
            stride = max(len(data.train_starts) // CHANGED_WINDOWS, 1)
            _check_augmented(data.feed.peek(data.train_starts[::stride].to(device))[0])
        inputs, targets = data.feed.peek(starts)
        was_training = parts.model.training
        with blame("model", experiment.model):
            scores = parts.model.eval()(inputs)
        parts.model.train(was_training)
        wanted = (*inputs.shape[:2], data.shape.num_classes)
        if not isinstance(scores, Tensor) or scores.dim() not in (3, 4) or scores.shape[-3:] != wanted:
            found = tuple(scores.shape) if isinstance(scores, Tensor) else type(scores).__name__
            raise UserError(
                Problem(
                    f"{experiment.model.name} maps {tuple(inputs.shape)} to {found}, not to {wanted} "
                    "(batch, frames, classes) or such a stage",
                    path="model",
                )
            )
        with blame("loss", experiment.loss):
            loss = parts.loss(scores, targets)
    if not isinstance(loss, Tensor) or loss.dim():
        found = tuple(loss.shape) if isinstance(loss, Tensor) else type(loss).__name__
        raise UserError(Problem(f"{experiment.loss.name} gives {found}, not one number", path="loss"))


def _check_augmented(inputs: Tensor) -> None:
    """Raise UserError where augmentation leaves gaps that no feature fills."""
    gaps = int((~inputs.isfinite()).sum())
    if gaps:
        raise UserError(
            Problem(
                f"they leave {gaps} of {inputs.numel()} inputs missing. Add the feature `interpolate`, or "
                "move it behind the last feature that looks at the whole recording, as normalize does: only "
                "features from there on run after augmentation",
                path="data.augmentations",
            )
        )
