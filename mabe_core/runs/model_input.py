"""What a trained model expects of a recording and what its scores stand for, as the record keeps it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from mabe_core.exchange import Dataset, DataShape
from mabe_core.experiment.schema import Data
from mabe_core.runs.shape import known, misfits


@attrs.frozen(kw_only=True)
class ModelInput:
    """What a model was trained on.

    individuals: their names in the first recording; views: those that were seen together, as indices into
    them, agent first. keypoints, dims: of every recording. fps: each rate that occurred, the first
    recording's first.
    input_names: the model's columns. background: the class of frames without a bout, or "".
    """

    individuals: list[str]
    views: list[list[int]]
    keypoints: list[str]
    dims: int
    fps: list[float]
    input_names: list[str]
    classes: list[str]
    background: str
    exclusive: bool
    sequence_length: int
    frame_gap: int

    def data_shape(self) -> DataShape:
        """Return what the model is built with."""
        return DataShape(
            input_dim=len(self.input_names),
            num_classes=len(self.classes),
            class_names=tuple(self.classes),
            sequence_length=self.sequence_length,
            frame_gap=self.frame_gap,
            fps=self.fps[0],
            exclusive=self.exclusive,
            input_names=tuple(self.input_names),
        )


def model_input(data: Data, dataset: Dataset, input_names: Sequence[str]) -> ModelInput:
    """Return what a model is trained on; recordings were checked to be alike in keypoints and inputs."""
    first = dataset.recordings[0]
    background = getattr(data.dataset.config, "background", None)
    return ModelInput(
        individuals=list(first.individuals),
        views=[list(view.individuals) for view in first.views],
        keypoints=list(first.keypoints),
        dims=first.points.shape[-1],
        fps=list(dict.fromkeys(float(recording.fps) for recording in dataset.recordings)),
        input_names=list(input_names),
        classes=list(dataset.classes),
        background=background if background in dataset.classes else "",
        exclusive=dataset.exclusive,
        sequence_length=data.sequence_length,
        frame_gap=data.frame_gap,
    )


def read_model_input(found: Mapping[str, Any]) -> ModelInput | None:
    """Return what a record keeps; None where it does not, or not whole."""
    if misfits(found, ModelInput):
        return None
    read = ModelInput(**known(found, ModelInput))
    return read if _is_possible(read) else None


def _is_possible(read: ModelInput) -> bool:
    counts = (read.dims, read.sequence_length, read.frame_gap, len(read.fps), len(read.views), *read.fps)
    seen = [each for view in read.views for each in view]
    return min(counts) > 0 and all(0 <= each < len(read.individuals) for each in seen)
