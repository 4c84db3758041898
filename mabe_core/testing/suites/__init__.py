"""What each kind promises, one file a kind: made-up data, checks, numbers that tell of changed results."""

from __future__ import annotations

from collections.abc import Mapping

from mabe_core.testing.findings import Suite
from mabe_core.testing.suites import (
    augmentations,
    datasets,
    features,
    losses,
    metrics,
    models,
    optimizers,
    positional_encodings,
    post_processing,
    readers,
    schedulers,
    splits,
)

SUITES: Mapping[str, Suite] = {
    "model": models.SUITE,
    "positional_encoding": positional_encodings.SUITE,
    "dataset": datasets.SUITE,
    "pose_reader": readers.POSE_READER,
    "label_reader": readers.LABEL_READER,
    "split": splits.SUITE,
    "feature": features.SUITE,
    "augmentation": augmentations.SUITE,
    "loss": losses.SUITE,
    "optimizer": optimizers.SUITE,
    "scheduler": schedulers.SUITE,
    "metric": metrics.SUITE,
    "post_processing": post_processing.SUITE,
}
