"""The plugin `tcn`: a temporal convolution, motion features, Cohen's kappa."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import attrs
from attrs.validators import ge, gt, lt

from mabe_core import (
    DataShape,
    Evaluation,
    Feature,
    FeatureSpec,
    MetricSpec,
    ModelSpec,
    PoseLayout,
    hookimpl,
)

if TYPE_CHECKING:
    from torch import nn


def _is_odd(_: object, attribute: attrs.Attribute[int], value: int) -> None:
    if value < 1 or value % 2 == 0:
        raise ValueError(f"{attribute.name} must be odd, so that a frame is in the middle, not {value}")


@attrs.frozen(kw_only=True)
class TcnConfig:
    """Dilated convolutions over time with residual connections, not causal (Lea et al. 2017)."""

    channels: int = attrs.field(default=64, validator=gt(0), metadata={"help": "width of each layer"})
    num_layers: int = attrs.field(
        default=5,
        validator=gt(0),
        metadata={"help": "layers; each looks twice as far as the one before"},
    )
    kernel_size: int = attrs.field(
        default=3, validator=_is_odd, metadata={"help": "frames that a layer looks at, an odd number"}
    )
    dropout: float = attrs.field(
        default=0.0, validator=[ge(0.0), lt(1.0)], metadata={"help": "share of activations dropped"}
    )


@attrs.frozen(kw_only=True)
class MotionConfig:
    """Adds columns: each animal's speed, and the distance between each two animals."""

    lag: int = attrs.field(
        default=3, validator=gt(0), metadata={"help": "frames over which a speed is measured"}
    )


@attrs.frozen
class KappaConfig:
    """Cohen's kappa (1960): agreement with the annotator beyond chance; 1 is perfect, 0 is chance."""


def build_tcn(config: TcnConfig, data: DataShape) -> nn.Module:
    """Build the module; see torch_tcn.py."""
    from mabe_tcn.torch_tcn import Tcn

    return Tcn(config, data)


def build_motion(config: MotionConfig, layout: PoseLayout) -> Feature:
    """Build the feature; see torch_motion.py."""
    from mabe_tcn.torch_motion import Motion

    return Motion(config.lag, layout.fps)


def build_kappa(_: KappaConfig, __: DataShape) -> Callable[[Evaluation], Mapping[str, float]]:
    """Build the score `kappa`: (observed - expected) / (1 - expected), 0 where that is 0 / 0."""

    def kappa(evaluation: Evaluation) -> Mapping[str, float]:
        counts = evaluation.confusion
        if counts is None:
            return {}  # frames may have several classes
        total = max(int(counts.sum()), 1)
        observed = counts.trace() / total
        expected = (counts.sum(axis=0) / total) @ (counts.sum(axis=1) / total)
        return {"kappa": float((observed - expected) / (1 - expected)) if expected < 1 else 0.0}

    return kappa


@hookimpl
def mabe_models() -> list[ModelSpec[TcnConfig]]:
    return [ModelSpec(name="motion_tcn", config=TcnConfig, build=build_tcn)]


@hookimpl
def mabe_features() -> list[FeatureSpec[MotionConfig]]:
    return [FeatureSpec(name="pair_motion", config=MotionConfig, build=build_motion)]


@hookimpl
def mabe_metrics() -> list[MetricSpec[KappaConfig]]:
    return [MetricSpec(name="kappa", config=KappaConfig, build=build_kappa)]
