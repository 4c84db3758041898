"""Features in their order: once a recording, or inside the step after augmentation."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs
import torch
from torch import Tensor

from mabe_core.exchange import Augmentation, Feature, Pose, PoseLayout, Recording
from mabe_core.experiment.schema import Data

# gives the points of frames [start, stop) of a recording
ReadPoints = Callable[[int, int], Tensor]
# frames of a recording that are too many to be had at once, which are looked at together
FRAMES_AT_ONCE = 1 << 15
# frames whose inputs are computed together: what lies between points and inputs is several times as large
FRAMES_OF_INPUTS = 1 << 11
# given a number of inputs, gives the tensor (frames, inputs) that a recording's are written to
Room = Callable[[int], Tensor]


@attrs.frozen
class FeaturePipeline:
    """The features of an experiment for one layout of keypoints.

    whole: features that need the whole recording, and those before them, run once a recording.
    local: the others; with augmentation they run inside the step.
    """

    layout: PoseLayout
    whole_features: tuple[Feature, ...]
    local_features: tuple[Feature, ...]
    augmentations: tuple[Augmentation, ...]

    @classmethod
    def build(cls, data: Data, layout: PoseLayout) -> FeaturePipeline:
        """Build features and augmentations for one layout."""
        features = [component.build(layout) for component in data.features]
        whole = max(
            (place + 1 for place, feature in enumerate(features) if feature.context is None), default=0
        )
        return cls(
            layout,
            tuple(features[:whole]),
            tuple(features[whole:]),
            tuple(component.build(layout) for component in data.augmentations),
        )

    @property
    def context(self) -> int:
        """Frames to either side that the local features look at, together."""
        return sum(feature.context or 0 for feature in self.local_features)

    def whole(self, pose: Pose) -> Pose:
        """Run what needs a whole recording."""
        for feature in self.whole_features:
            pose = feature(pose)
        return pose

    def known(self, read: ReadPoints, frames: int) -> FeaturePipeline | None:
        """Return the pipeline for one recording, block by block: no feature needs the whole of it any more.

        None where a feature that looks at the whole recording does not offer `over`.
        """
        local: list[Feature] = []
        for feature in self.whole_features:
            if feature.context is None:
                over = getattr(feature, "over", None)
                if over is None:
                    return None
                before = attrs.evolve(self, whole_features=(), local_features=tuple(local))
                feature = over(lambda before=before: before.blocks(read, frames))
            local.append(feature)
        return attrs.evolve(self, whole_features=(), local_features=(*local, *self.local_features))

    def blocks(self, read: ReadPoints, frames: int) -> Iterator[Pose]:
        """Yield the pose of a recording after the local features, block after block."""
        for start in range(0, frames, FRAMES_AT_ONCE):
            stop = min(start + FRAMES_AT_ONCE, frames)
            low = max(start - self.context, 0)
            pose = self.local(Pose(read(low, min(stop + self.context, frames))))
            yield part(pose, start - low, stop - low)

    def inputs(self, pose: Pose, room: Room) -> tuple[Tensor, tuple[str, ...]]:
        """Return a recording's inputs, of its pose after `whole`, and their names, block by block."""
        frames = len(pose.points)
        found, names = pose.points, tuple[str, ...]()
        for start in range(0, frames, FRAMES_OF_INPUTS):
            stop = min(start + FRAMES_OF_INPUTS, frames)
            low, high = max(start - self.context, 0), min(stop + self.context, frames)
            near = self.local(part(pose, low, high))
            if len(near.points) != high - low:  # for whoever asks to tell: a feature must keep every frame
                return self.columns(near)
            columns, names = self.columns(part(near, start - low, stop - low))
            if not start:
                found = room(columns.shape[1])
            found[start:stop] = columns
        return found, names

    def augment(self, pose: Pose) -> Pose:
        """Change a batch of windows at random."""
        for augmentation in self.augmentations:
            pose = augmentation(pose)
        return pose

    def local(self, pose: Pose, inside: Tensor | None = None) -> Pose:
        """Run what looks at near frames only.

        inside: bool (…, frames), False where a window reaches beyond its recording. Points there are missing
        for each feature, as they are for a whole recording, whatever a feature before it filled in.
        """
        for feature in self.local_features:
            pose = feature(pose)
            if inside is not None:
                points = pose.points.where(inside[..., None, None, None], torch.nan)
                pose = attrs.evolve(pose, points=points)
        return pose

    def columns(self, pose: Pose) -> tuple[Tensor, tuple[str, ...]]:
        """Return the model's inputs (…, frames, inputs), points first, and a name for each column.

        Individuals are told by their place in the view, since their names differ between recordings.
        """
        names = [
            f"{place}.{keypoint}.{axis}"
            for place in range(1, len(self.layout.individuals) + 1)
            for keypoint in self.layout.keypoints
            for axis in "xyz"[: self.layout.dims]
        ]
        for name, column in pose.columns.items():
            names += [f"{name}.{number}" for number in range(1, column.shape[-1] + 1)]
        return torch.cat([pose.points.flatten(-3), *pose.columns.values()], dim=-1), tuple(names)


def part(pose: Pose, start: int, stop: int) -> Pose:
    """Return the frames [start, stop) of a recording's pose."""
    columns = {name: column[start:stop] for name, column in pose.columns.items()}
    return Pose(pose.points[start:stop], columns)


def input_names(data: Data, recording: Recording, individuals: tuple[int, ...]) -> tuple[str, ...]:
    """Return the names of the columns that a model is given of a recording."""
    pipeline = FeaturePipeline.build(data, view_layout(recording, individuals))
    pose = Pose(torch.as_tensor(recording.points[:, list(individuals)]))
    return pipeline.columns(pipeline.local(pipeline.whole(pose)))[1]


def view_layout(recording: Recording, individuals: tuple[int, ...]) -> PoseLayout:
    """Return what the points of a recording are, seen by some of its individuals, agent first."""
    names = tuple(recording.individuals[number] for number in individuals)
    return PoseLayout(
        names, recording.keypoints, recording.points.shape[-1], recording.fps, recording.pixels_per_cm
    )
