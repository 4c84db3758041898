"""What a plugin hands over: one spec class a kind, tied to its config by generics.

To add a kind, add its class here and its hook in hookspecs.py; everything else follows from these two.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar

import attrs

from mabe_core import exchange as ex

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.optim import Optimizer

C = TypeVar("C")
S = TypeVar("S", bound="Spec[Any]")

NAME = re.compile(r"[a-z][a-z0-9_]*")


def _is_component_name(_: object, attribute: attrs.Attribute[str], value: str) -> None:
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise ValueError(f"{attribute.name} must be lower case letters, digits and _, not {value!r}")


def _is_version(_: object, attribute: attrs.Attribute[int], value: int) -> None:
    if type(value) is not int or value < 1:
        raise ValueError(f"{attribute.name} must be a whole number from 1, not {value!r}")


@attrs.frozen(kw_only=True)
class Spec(Generic[C]):
    """What every kind has in common.

    name: what an experiment calls it.
    config: an attrs class; its fields are what an experiment may set.
    build: makes the component; the config first, run-time values second.
    version: raised by its author when the same config gives other results.
    summary: one line for `mabe list`; by default the first line of the config's docstring.
    replaces: shadow a built-in component of the same kind and name.
    deprecated: why it should no longer be named and what to name instead; it is told to whoever does.
    """

    kind: ClassVar[str]
    name: str = attrs.field(validator=_is_component_name)
    config: type[C]
    build: Callable[..., Any]
    version: int = attrs.field(default=1, validator=_is_version)
    summary: str = ""
    replaces: bool = False
    deprecated: str = attrs.field(default="", validator=attrs.validators.instance_of(str))

    def describe(self) -> str:
        """Return the summary, or the first line of the config's docstring."""
        documented = (self.config.__doc__ or "").strip()
        return self.summary or documented.partition("\n")[0]

    @classmethod
    def given(cls, function: str) -> tuple[str, ...]:
        """Return what `build`, or another function of the spec, is called with, as its annotation says."""
        annotation = ast.parse(str(attrs.fields_dict(cls)[function].type), mode="eval")
        # ast.walk goes breadth first, so this is the outer function's list
        parameters = next(node for node in ast.walk(annotation) if isinstance(node, ast.List))
        words = [ast.unparse(each).removeprefix("ex.") for each in parameters.elts]
        return ("config", *words[1:])


@attrs.frozen(kw_only=True)
class ModelSpec(Spec[C]):
    """Maps (batch, frames, inputs) to scores (batch, frames, classes), or such a stage: (stages, …)."""

    kind: ClassVar[str] = "model"
    build: Callable[[C, ex.DataShape], nn.Module]


@attrs.frozen(kw_only=True)
class PositionalEncodingSpec(Spec[C]):
    """A module: `add(x)`, x (batch, frames, width) or `rotate(q, k)`, each (…, frames, head width)."""

    kind: ClassVar[str] = "positional_encoding"
    build: Callable[[C, ex.EncodingShape], nn.Module]


@attrs.frozen(kw_only=True)
class DatasetSpec(Spec[C]):
    """Recordings with labels. `sources` names the files it reads, without reading them: their
    fingerprint tells whether the data changed; None for data that is generated."""

    kind: ClassVar[str] = "dataset"
    build: Callable[[C, ex.DataAccess], ex.Dataset]
    sources: Callable[[C, ex.DataAccess], Sequence[Path]] | None = None


@attrs.frozen(kw_only=True)
class PoseReaderSpec(Spec[C]):
    """Reads the keypoints of one file; raises DataError naming file and line. `suffixes` as in ".csv"."""

    kind: ClassVar[str] = "pose_reader"
    build: Callable[[C], Callable[[Path], ex.PoseTracks]]
    suffixes: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class LabelReaderSpec(Spec[C]):
    """Reads the bouts of one file; raises DataError naming file and line."""

    kind: ClassVar[str] = "label_reader"
    build: Callable[[C], Callable[[Path], ex.Annotation]]
    suffixes: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class SplitSpec(Spec[C]):
    """Decides which recordings train and which validate; never cuts one, but where asked for by name."""

    kind: ClassVar[str] = "split"
    build: Callable[[C], ex.Splitter]


@attrs.frozen(kw_only=True)
class FeatureSpec(Spec[C]):
    """A torch function of a view's pose that declares its context in frames."""

    kind: ClassVar[str] = "feature"
    build: Callable[[C, ex.PoseLayout], ex.Feature]


@attrs.frozen(kw_only=True)
class AugmentationSpec(Spec[C]):
    """A random torch function of windows' pose, points (batch, frames, individuals, …), in training only."""

    kind: ClassVar[str] = "augmentation"
    build: Callable[[C, ex.PoseLayout], ex.Augmentation]


@attrs.frozen(kw_only=True)
class LossSpec(Spec[C]):
    """Maps scores and targets to one number.

    exclusive True: targets int64 (batch, frames), a class or -1 for unlabelled; needs exclusive classes.
    exclusive False: targets int8 (batch, frames, classes), 1, 0 or -1.
    """

    kind: ClassVar[str] = "loss"
    build: Callable[[C, ex.LossContext], Callable[[Tensor, Tensor], Tensor]]
    exclusive: bool = True


@attrs.frozen(kw_only=True)
class OptimizerSpec(Spec[C]):
    """A torch optimizer over named parameters, so that matrices can be treated apart from vectors.

    elementwise: whether each number's update follows from its own gradient and state alone, as in SGD and
    Adam; it is then also built over all weights as one tensor, which is faster.
    """

    kind: ClassVar[str] = "optimizer"
    build: Callable[[C, Sequence[tuple[str, nn.Parameter]]], Optimizer]
    elementwise: bool = False


@attrs.frozen(kw_only=True)
class SchedulerSpec(Spec[C]):
    """A function from step (0-based) to a factor on the learning rate; told scores if it has epoch_ended."""

    kind: ClassVar[str] = "scheduler"
    build: Callable[[C, ex.ScheduleContext], Callable[[int], float]]


@attrs.frozen(kw_only=True)
class MetricSpec(Spec[C]):
    """Scores by name from an evaluation; `lower_is_better` names those that are errors.

    needs: "confusion" is computed after each epoch and in final scoring, "frames" in final scoring only.
    descriptive: its numbers tell of truth and prediction, and none is better than another.
    """

    kind: ClassVar[str] = "metric"
    build: Callable[[C, ex.DataShape], Callable[[ex.Evaluation], Mapping[str, float]]]
    lower_is_better: frozenset[str] = frozenset()
    needs: Literal["confusion", "frames"] = attrs.field(
        default="confusion", validator=attrs.validators.in_(("confusion", "frames"))
    )
    descriptive: bool = False


@attrs.frozen(kw_only=True)
class PostProcessingSpec(Spec[C]):
    """Maps a stretch's probabilities (frames, classes) to better ones, by which frames are then decided.

    What is decided is the most probable class, or each above one half where a frame may have several.
    fit: learns from validation recordings what `build` is given last, as JSON has it; it is kept beside the
        weights. None where there is nothing to learn; `build` is then given an empty map.
    """

    kind: ClassVar[str] = "post_processing"
    build: Callable[[C, ex.DataShape, Mapping[str, Any]], ex.PostProcessing]
    fit: Callable[[C, ex.FittingContext], Mapping[str, Any]] | None = None


@attrs.frozen
class Component(Generic[S]):
    """A component inside a config or an experiment: `Component[ModelSpec]` is its annotation.

    As a default only name and settings are given; resolving the experiment fills in spec and config.
    """

    name: str
    settings: Mapping[str, Any] = attrs.field(factory=dict)
    spec: S | None = attrs.field(default=None, repr=False)
    config: Any = attrs.field(default=None, repr=False)

    def build(self, *runtime: Any) -> Any:
        """Build it: its config first, then the run-time values of its kind."""
        assert self.spec is not None, f"component {self.name!r} was not resolved"
        return self.spec.build(self.config, *runtime)
