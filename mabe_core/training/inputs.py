"""From recordings to what the loop trains on: features computed, windows laid out, misfits refused."""

from __future__ import annotations

import bisect

import attrs
import numpy as np
import torch
from torch import Tensor

from mabe_core.data.windows import WindowShape
from mabe_core.errors import Problem, UserError
from mabe_core.exchange import Dataset, DataShape, Partition, Pose, PoseLayout, Recording
from mabe_core.experiment.schema import Data
from mabe_core.long_arrays import give_back, let_go
from mabe_core.training.batches import AugmentedBatches, Batches, HostBatches, TableBatches, TabledBatches
from mabe_core.training.cached import cached_columns
from mabe_core.training.features import FRAMES_OF_INPUTS, FeaturePipeline, view_layout
from mabe_core.training.feeding import Blocks, Feed, Resident
from mabe_core.training.placing import ON_DEVICE, Placing
from mabe_core.training.tables import Tables, targets_of


@attrs.frozen(eq=False)
class TrainingData:
    """What the loop trains and validates on, all of it on the device, or as much of it as fits.

    feed: brings windows of train_starts to where steps read them. validation: batches for validation_starts,
    whose frames that count are marked in validation_counts bool (windows, frames). placed: why the data is
    not on the device, where nobody asked for that. views: where each view begins on the axis of frames that
    starts count on, and its name; span: frames from a window's first to its last.
    """

    shape: DataShape
    feed: Feed
    train_starts: Tensor
    validation: Batches
    validation_starts: Tensor
    validation_counts: Tensor
    class_counts: tuple[int, ...]
    frames: int
    notice: str = ""
    placed: str = ""
    views: tuple[tuple[int, str], ...] = ()
    span: int = 1

    @property
    def train(self) -> Batches:
        """What steps call, with starts as `feed.begin` returns them."""
        return self.feed.batches

    def place(self, start: int) -> str:
        """Return in words where a window lies: its recording, who is seen, its frames from 0."""
        index = bisect.bisect_right(self.views, start, key=lambda view: view[0]) - 1
        if index < 0:
            return f"{start} to {start + self.span - 1}"
        first, name = self.views[index]
        return f"{start - first} to {start - first + self.span - 1} of {name}"


def prepare(
    data: Data,
    dataset: Dataset,
    partition: Partition,
    *,
    dtype: torch.dtype,
    device: torch.device,
    placing: Placing = ON_DEVICE,
) -> TrainingData:
    """Compute features and lay out windows.

    Raises UserError, with the key of the experiment at fault, where data and experiment do not fit.
    """
    for recording in dataset.recordings:  # what reading needed
        let_go(recording.points)
        if recording.confidence is not None:
            let_go(recording.confidence)
    give_back()
    window = WindowShape(data.sequence_length, data.frame_gap)
    _check_window(dataset, partition, window)
    layouts = {
        view_layout(recording, view.individuals)
        for recording in dataset.recordings
        for view in recording.views
    }
    pipelines = {layout: FeaturePipeline.build(data, layout) for layout in layouts}
    if data.augmentations and len({_unnamed(layout) for layout in layouts}) > 1:
        raise UserError(
            Problem(
                "needs recordings that are alike in individuals, keypoints and fps", path="data.augmentations"
            )
        )
    margin = max(pipeline.context for pipeline in pipelines.values()) if data.augmentations else None
    lengths = [recording.frames for recording in dataset.recordings for _ in recording.views]
    like = torch.empty(0, dtype=dtype, device=device)
    tables = Tables(
        margin, lengths, placing, like, _beside(dataset, like, keeps_poses=bool(data.augmentations))
    )
    views = []
    names: tuple[str, ...] = ()
    for number, recording in enumerate(dataset.recordings):
        for view in recording.views:
            pipeline = pipelines[view_layout(recording, view.individuals)]
            points = torch.as_tensor(recording.points[:, list(view.individuals)], dtype=dtype, device=device)
            let_go(recording.points)
            pose = Pose(points)
            if margin is None:  # nothing but the columns is needed of it
                columns, here = cached_columns(data, pipeline, points, tables.room)
            else:
                pose = pipeline.whole(pose)
                columns, here = pipeline.inputs(pose, tables.room)
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
            targets = targets_of(view.labels, recording.name, exclusive=dataset.exclusive)
            tables.add(number, pose, targets)
            seen = [recording.individuals[each] for each in view.individuals]
            views.append((tables.places[number][-1], f"{recording.name} ({', '.join(seen)})"))
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
    starts, counts = tables.training(targets, partition, window, shape.num_classes)
    if not len(starts):
        raise UserError(
            Problem("no stretch for train that a window fits into has a labelled frame", path="data.split")
        )
    _check_classes(counts, shape)
    validation_starts, validation_counts = tables.tiles(partition, window, "validation")
    scored = tables.labelled(targets, validation_starts, validation_counts, window)
    if not scored:
        raise UserError(Problem("no validation frame that a window reaches is labelled", path="data.split"))
    at = tables.columns.device
    offsets = torch.arange(window.length, device=at) * window.gap
    flat_targets = torch.as_tensor(targets, device=at)
    plain = TableBatches(tables.columns, flat_targets, offsets)
    train: TabledBatches = plain
    if data.augmentations:
        pipeline = next(iter(pipelines.values()))
        train = AugmentedBatches(tables.pose(), tables.inside, flat_targets, window, offsets, pipeline)
    validation: Batches = plain
    feed: Feed = Resident(train)
    if not tables.resident:
        validation = HostBatches(plain, device)
        feed = Blocks(train, device, batch_size=placing.batch_size, block_bytes=placing.block_bytes)
    del points, pose, columns  # of the last view
    give_back()
    return TrainingData(
        shape=shape,
        feed=feed,
        train_starts=torch.as_tensor(starts),
        validation=validation,
        validation_starts=torch.as_tensor(validation_starts, device=device),
        validation_counts=torch.as_tensor(validation_counts, device=device),
        class_counts=tuple(int(count) for count in counts),
        frames=tables.frames(partition, "train"),
        notice=_notice(tables.frames(partition, "validation") - int(validation_counts.sum())),
        placed="" if tables.resident else placing.told(tables.size),
        views=tuple(views),
        span=window.span,
    )


def _beside(dataset: Dataset, like: Tensor, *, keeps_poses: bool) -> int:
    """Return how many bytes a frame is kept in beside its inputs: its labels, and its points."""
    labels = 8 if dataset.exclusive else len(dataset.classes)
    if not keeps_poses:
        return labels
    numbers = [
        len(view.individuals) * int(each.points[0, 0].size)
        for each in dataset.recordings
        for view in each.views
    ]
    return labels + 1 + max(numbers) * like.element_size()


def _notice(unscored: int) -> str:
    if not unscored:
        return ""
    return f"{unscored} validation frames lie in stretches shorter than a window, and are not scored."


def _unnamed(layout: PoseLayout) -> PoseLayout:
    """Return what of a layout the step's features may depend on: not who is seen, nor how large."""
    return attrs.evolve(layout, individuals=("",) * len(layout.individuals), pixels_per_cm=None)


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
    blocks = (columns[first : first + FRAMES_OF_INPUTS] for first in range(0, len(columns), FRAMES_OF_INPUTS))
    missing = torch.stack([(~block.isfinite()).sum(0) for block in blocks]).sum(0)
    if missing.any():
        worst = names[int(missing.argmax())]
        raise UserError(
            Problem(
                f"recording {recording.name}: {int(missing.sum())} of {columns.numel()} inputs are missing "
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
