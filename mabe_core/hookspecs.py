"""The hooks a plugin may implement: one a kind, each returns specs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pluggy

from mabe_core import specs

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
