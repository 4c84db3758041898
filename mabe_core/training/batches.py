"""From window starts to batches, on the device."""

from __future__ import annotations

from typing import Protocol

import attrs
import torch
from torch import Tensor

from mabe_core.data.windows import WindowShape
from mabe_core.exchange import Pose
from mabe_core.training.features import FeaturePipeline


class Batches(Protocol):
    """Maps window starts int64 (batch,) to a batch.

    Inputs are (batch, frames, inputs); targets int64 (batch, frames), or int8 (batch, frames, classes) where
    a frame may have several.
    """

    def __call__(self, starts: Tensor) -> tuple[Tensor, Tensor]: ...


@attrs.frozen(eq=False)
class TableBatches:
    """Batches gathered out of features that were computed once a recording.

    columns (frames, inputs), targets (frames,) or (frames, classes), offsets (window frames,).
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
    inside: bool (frames,), False on those missing frames. offsets: the window's, as a tensor on the device.
    """

    pose: Pose
    inside: Tensor
    targets: Tensor
    window: WindowShape
    offsets: Tensor
    pipeline: FeaturePipeline

    def __call__(self, starts: Tensor) -> tuple[Tensor, Tensor]:
        context, gap, span = self.pipeline.context, self.window.gap, self.window.span
        around = torch.arange(-context, span + context, device=starts.device)
        index = starts[:, None] + around
        window = Pose(
            self.pose.points[index], {name: column[index] for name, column in self.pose.columns.items()}
        )
        augmented = self.pipeline.augment(window)
        columns, _ = self.pipeline.columns(self.pipeline.local(augmented, self.inside[index]))
        return columns[:, context : context + span : gap], self.targets[starts[:, None] + self.offsets]
