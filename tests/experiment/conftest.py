"""A small registry and a small experiment that the tests of this room share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import attrs
import pytest
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
    UserError,
)
from mabe_core.experiment import Document, Experiment, read_document, resolve
from mabe_core.registry import Origin, Provided, Registry


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
    positional_encoding: Component[PositionalEncodingSpec[Any]] | None = Component("sinusoidal")
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
    label_reader: Component[LabelReaderSpec[Any]] = Component("boris", {"unit": "seconds"})
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


SPECS = [
    ModelSpec(name="transformer", config=Transformer, build=print),
    ModelSpec(name="gru", config=Gru, build=print),
    PositionalEncodingSpec(name="sinusoidal", config=Sinusoidal, build=print),
    PositionalEncodingSpec(name="rotary", config=Nothing, build=print),
    DatasetSpec(name="synthetic", config=Synthetic, build=print),
    DatasetSpec(name="pose_files", config=PoseFiles, build=print),
    LabelReaderSpec(name="boris", config=Boris, build=print),
    SplitSpec(name="given", config=Nothing, build=print),
    FeatureSpec(name="motion", config=Motion, build=print),
    FeatureSpec(name="normalize", config=Nothing, build=print),
    AugmentationSpec(name="mirror", config=Nothing, build=print),
    LossSpec(name="cross_entropy", config=Nothing, build=print),
    OptimizerSpec(name="adamw", config=AdamW, build=print),
    SchedulerSpec(name="cosine", config=Cosine, build=print),
    MetricSpec(name="accuracy", config=Nothing, build=print),
    MetricSpec(name="f1", config=Nothing, build=print),
]

SMALL = """\
name: small
data:
  dataset: synthetic
model:
  name: transformer
"""


def registry_of(specs: Sequence[Any]) -> Registry:
    """Return a registry that offers just these specs."""
    return Registry([Provided(spec, Origin("fake", "fake", "built-in", "fake", "1")) for spec in specs])


@pytest.fixture(scope="session")
def registry() -> Registry:
    return registry_of(SPECS)


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Write files beside one another in a folder that is also the working directory; return the first."""
    monkeypatch.chdir(tmp_path)

    def write(first: str = SMALL, **others: str) -> Path:
        for name, text in others.items():
            Path(f"{name}.yaml").write_text(text, encoding="utf-8")
        Path("e.yaml").write_text(first, encoding="utf-8")
        return Path("e.yaml")

    return write


@pytest.fixture
def load(write: Callable[..., Path], registry: Registry) -> Callable[..., Experiment]:
    """Write an experiment, read it with overrides, and resolve it."""

    def load(first: str = SMALL, *overrides: str, **others: str) -> Experiment:
        return resolve(read_document(write(first, **others), overrides), registry)

    return load


@pytest.fixture
def document(write: Callable[..., Path]) -> Callable[..., Document]:
    """Write an experiment and read it with overrides."""

    def document(first: str = SMALL, *overrides: str, **others: str) -> Document:
        return read_document(write(first, **others), overrides)

    return document


@pytest.fixture
def complaints(load: Callable[..., Experiment]) -> Callable[..., list[str]]:
    """Load an experiment that is wrong and return what is told."""

    def complaints(first: str = SMALL, *overrides: str, **others: str) -> list[str]:
        with pytest.raises(UserError) as caught:
            load(first, *overrides, **others)
        return str(caught.value).splitlines()

    return complaints
