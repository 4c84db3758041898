"""From window starts to batches, on the device."""

from __future__ import annotations

from collections.abc import Sequence
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


class TabledBatches(Batches, Protocol):
    """Batches out of tables with a row each frame."""

    @property
    def tables(self) -> tuple[Tensor, ...]:
        """Everything that is gathered from."""

    @property
    def reach(self) -> Tensor:
        """The frames that a window needs, counted from its start, ascending."""

    def laid_out(self, tables: Sequence[Tensor]) -> Batches:
        """Return the same batches out of tables in which what windows need lies window after window."""


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

    @property
    def tables(self) -> tuple[Tensor, ...]:
        return self.columns, self.targets

    @property
    def reach(self) -> Tensor:
        return self.offsets

    def laid_out(self, tables: Sequence[Tensor]) -> TableBatches:
        columns, targets = tables
        return TableBatches(columns, targets, torch.arange(len(self.offsets), device=columns.device))


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

    @property
    def tables(self) -> tuple[Tensor, ...]:
        return self.pose.points, *self.pose.columns.values(), self.inside, self.targets

    @property
    def reach(self) -> Tensor:
        context = self.pipeline.context
        return torch.arange(-context, self.window.span + context, device=self.offsets.device)

    def laid_out(self, tables: Sequence[Tensor]) -> AugmentedBatches:
        points, *columns, inside, targets = tables
        pose = Pose(points, dict(zip(self.pose.columns, columns, strict=True)))
        offsets = self.offsets.to(points.device)
        return attrs.evolve(self, pose=pose, inside=inside, targets=targets, offsets=offsets)


def frames_of(batches: TabledBatches, starts: Tensor) -> Tensor:
    """Return the rows int64 that windows need, window after window."""
    return (starts[:, None] + batches.reach).flatten()


def places(batches: TabledBatches, numbers: Tensor) -> Tensor:
    """Return the starts of windows that were laid out, by their numbers from 0."""
    reach = batches.reach
    return numbers * len(reach) + int((reach < 0).sum())


@attrs.frozen(eq=False)
class HostBatches:
    """Batches out of tables in the host's memory, copied to the device one by one."""

    host: TabledBatches
    device: torch.device

    def __call__(self, starts: Tensor) -> tuple[Tensor, Tensor]:
        index = frames_of(self.host, starts.cpu())
        tables = [table[index].to(self.device) for table in self.host.tables]
        batches = self.host.laid_out(tables)
        return batches(places(self.host, torch.arange(len(starts))).to(self.device))
