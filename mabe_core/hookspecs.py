"""The hooks a plugin may implement: one a kind, which return specs; and events, which return nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pluggy

from mabe_core import specs
from mabe_core.run_view import RunView

hookspec = pluggy.HookspecMarker("mabe")
hookimpl = pluggy.HookimplMarker("mabe")


@hookspec
def mabe_models() -> Sequence[specs.ModelSpec[Any]]:
    """Offer models."""


@hookspec
def mabe_positional_encodings() -> Sequence[specs.PositionalEncodingSpec[Any]]:
    """Offer positional encodings."""


@hookspec
def mabe_datasets() -> Sequence[specs.DatasetSpec[Any]]:
    """Offer datasets."""


@hookspec
def mabe_pose_readers() -> Sequence[specs.PoseReaderSpec[Any]]:
    """Offer readers of pose files."""


@hookspec
def mabe_label_readers() -> Sequence[specs.LabelReaderSpec[Any]]:
    """Offer readers of annotation files."""


@hookspec
def mabe_splits() -> Sequence[specs.SplitSpec[Any]]:
    """Offer ways to split recordings."""


@hookspec
def mabe_features() -> Sequence[specs.FeatureSpec[Any]]:
    """Offer features."""


@hookspec
def mabe_augmentations() -> Sequence[specs.AugmentationSpec[Any]]:
    """Offer augmentations."""


@hookspec
def mabe_losses() -> Sequence[specs.LossSpec[Any]]:
    """Offer losses."""


@hookspec
def mabe_optimizers() -> Sequence[specs.OptimizerSpec[Any]]:
    """Offer optimizers."""


@hookspec
def mabe_schedulers() -> Sequence[specs.SchedulerSpec[Any]]:
    """Offer schedulers."""


@hookspec
def mabe_metrics() -> Sequence[specs.MetricSpec[Any]]:
    """Offer metrics."""


@hookspec
def mabe_post_processing() -> Sequence[specs.PostProcessingSpec[Any]]:
    """Offer post-processing of scores."""


@hookspec
def mabe_experiment_started(run: RunView, earlier: Sequence[Mapping[str, Any]]) -> None:
    """Training begins, at `run.record["step"]`: 0, or where an earlier attempt was saved.

    earlier: the lines of metrics.jsonl of the epochs up to there.
    """


@hookspec
def mabe_epoch_finished(run: RunView, metrics: Mapping[str, Any]) -> None:
    """An epoch was trained, validated and saved; metrics: its line of metrics.jsonl."""


@hookspec
def mabe_checkpoint_saved(run: RunView, checkpoint: Path) -> None:
    """A checkpoint is on disk, in this folder; before the end of its epoch is told."""


@hookspec
def mabe_experiment_finished(run: RunView) -> None:
    """All epochs are trained."""


@hookspec
def mabe_experiment_failed(run: RunView) -> None:
    """Training failed; `run.record["failure"]` says how. It may be started again from its last checkpoint."""
