"""Components that a made-up plugin offers, with configs of every shape that an experiment can give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import attrs
from attrs.validators import and_, deep_iterable, ge, gt, in_, le, lt, optional

from mabe_core import (
    AugmentationSpec,
    Component,
    DatasetSpec,
    FeatureSpec,
    LabelReaderSpec,
    LossSpec,
    MetricSpec,
    ModelSpec,
    OptimizerSpec,
    PositionalEncodingSpec,
    SchedulerSpec,
    SplitSpec,
)
from mabe_core.registry import Origin, Provided, Registry
from mabe_core.specs import Spec


@attrs.frozen
class Nothing:
    """Has nothing to set."""


@attrs.frozen
class Sinusoidal:
    """Sines and cosines."""

    base: float = attrs.field(default=10000, validator=gt(0), metadata={"help": "longest wavelength"})


@attrs.frozen
class Transformer:
    """Attends."""

    hidden_dim: int = attrs.field(default=256, validator=gt(0), metadata={"help": "width of the model"})
    dropout: float = attrs.field(default=0.1, validator=and_(ge(0), lt(1)))
    activation: Literal["relu", "gelu"] = "relu"
    positional_encoding: Component[PositionalEncodingSpec[Any]] | None = Component("sinusoidal")  # noqa: RUF009
    heads: tuple[int, ...] = (8, 8)


@attrs.frozen
class Gru:
    """Recurs."""

    hidden_dim: int = attrs.field(default=128, validator=gt(0))
    bidirectional: bool = True


@attrs.frozen
class Pairing:
    """Which files belong together."""

    pose: str
    labels: str | None = None


@attrs.frozen
class PoseFiles:
    """Reads files."""

    folder: str
    label_reader: Component[LabelReaderSpec[Any]] = Component("boris", {"unit": "seconds"})  # noqa: RUF009
    pairs: tuple[Pairing, ...] = ()
    rename: dict[str, str] = attrs.field(factory=dict)
    fps: float | Literal["file"] = "file"
    crop: tuple[int, int] | None = None
    classes: list[str] = attrs.field(factory=list)


@attrs.frozen
class Boris:
    """Reads BORIS."""

    unit: Literal["frames", "seconds"] = "frames"


@attrs.frozen
class Synthetic:
    """Makes two mice up."""

    windows: int = attrs.field(default=1000, validator=gt(0))
    frequencies: tuple[float, ...] = attrs.field(default=(1, 2), validator=deep_iterable(ge(0)))


@attrs.frozen
class Motion:
    """Velocities."""

    order: int = attrs.field(default=1, validator=in_((1, 2)))


@attrs.frozen
class AdamW:
    """Adam with decoupled weight decay."""

    learning_rate: float = attrs.field(default=1e-3, validator=gt(0))
    weight_decay: float = attrs.field(default=0.0, validator=ge(0))


@attrs.frozen
class Cosine:
    """Half a cosine."""

    min_lr: float = 0.0
    warmup: float = attrs.field(default=0.0, validator=[ge(0), le(1)])
    cycles: int | None = attrs.field(default=None, validator=optional(gt(0)))

    def __attrs_post_init__(self) -> None:
        if self.min_lr > 1:
            raise ValueError("min_lr and warmup do not go together")


def unbuilt(*_: Any) -> Any:
    """Stand for a component's build, which resolving an experiment must not call."""
    raise AssertionError("nothing is built by resolving")


SPECS: list[Spec[Any]] = [
    ModelSpec(name="transformer", config=Transformer, build=unbuilt),
    ModelSpec(name="gru", config=Gru, build=unbuilt),
    PositionalEncodingSpec(name="sinusoidal", config=Sinusoidal, build=unbuilt),
    PositionalEncodingSpec(name="rotary", config=Nothing, build=unbuilt),
    DatasetSpec(name="synthetic", config=Synthetic, build=unbuilt),
    DatasetSpec(name="pose_files", config=PoseFiles, build=unbuilt),
    LabelReaderSpec(name="boris", config=Boris, build=unbuilt),
    SplitSpec(name="given", config=Nothing, build=unbuilt),
    FeatureSpec(name="motion", config=Motion, build=unbuilt),
    FeatureSpec(name="normalize", config=Nothing, build=unbuilt),
    AugmentationSpec(name="mirror", config=Nothing, build=unbuilt),
    LossSpec(name="cross_entropy", config=Nothing, build=unbuilt),
    OptimizerSpec(name="adamw", config=AdamW, build=unbuilt),
    SchedulerSpec(name="cosine", config=Cosine, build=unbuilt),
    MetricSpec(name="accuracy", config=Nothing, build=unbuilt),
    MetricSpec(name="f1", config=Nothing, build=unbuilt),
]

SMALL = """\
name: small
data:
  dataset: synthetic
model:
  name: transformer
"""


def registry_of(specs: Sequence[Spec[Any]]) -> Registry:
    """Return a registry that offers just these specs."""
    return Registry([Provided(spec, Origin("fake", "fake", "built-in", "fake", "1")) for spec in specs])
