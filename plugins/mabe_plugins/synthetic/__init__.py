"""The dataset `synthetic`: two moving mice whose behaviour shows in time, generated from a seed."""

from __future__ import annotations

from typing import Any

import attrs
from attrs.validators import and_, ge, gt, lt

from mabe_core import DataAccess, Dataset, DatasetSpec, hookimpl


def _field(help: str, default: Any, *checks: Any) -> Any:  # noqa: A002 - the word of the metadata
    return attrs.field(default=default, validator=and_(*checks), metadata={"help": help})


@attrs.frozen(kw_only=True)
class SyntheticConfig:
    """Two moving mice, CalMS21-like: 7 keypoints each, 4 behaviours, 30 frames a second.

    What is drawn from which distribution: docs/synthetic-data.md.
    """

    seed: int = _field("what all recordings are drawn from", 0, ge(0))
    train_recordings: int = _field("number of recordings that train", 120, gt(0))
    validation_recordings: int = _field("number of recordings that validate", 30, ge(0))
    seconds: float = _field("length of each recording, in seconds", 150.0, ge(1.0))
    tracking_noise: float = _field("standard deviation of a tracked coordinate, in pixels", 1.5, ge(0.0))
    missing: float = _field("fraction of points that the tracker misses", 0.03, ge(0.0), lt(1.0))
    missing_seconds: float = _field("mean length of a gap in a point's track, in seconds", 0.3, gt(0.0))
    annotator_jitter: float = _field(
        "standard deviation of where an annotator sets a bout's border, in seconds", 0.2, ge(0.0)
    )


def build(config: SyntheticConfig, access: DataAccess) -> Dataset:
    """Generate the recordings; the same bits for the same config on every machine."""
    from .recordings import generate

    return generate(config)


@hookimpl
def mabe_datasets() -> list[DatasetSpec[SyntheticConfig]]:
    """Offer the synthetic dataset."""
    return [DatasetSpec(name="synthetic", config=SyntheticConfig, build=build)]
