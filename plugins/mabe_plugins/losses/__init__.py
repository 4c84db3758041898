"""The losses: `cross_entropy`, `focal`, `smoothed_cross_entropy`, and `binary_cross_entropy`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import attrs
from attrs.validators import ge, gt, lt

from mabe_core import LossContext, LossSpec, UserError, hookimpl

if TYPE_CHECKING:
    from torch import nn

ClassWeights = Literal["balanced"] | tuple[float, ...] | None


def class_weights() -> Any:
    """Declare one weight a class."""
    return attrs.field(
        default=None,
        validator=_weights,
        metadata={
            "help": "one weight a class in the order of the classes; balanced: frames / (classes x frames of "
            "the class), as in scikit-learn"
        },
    )


def label_smoothing() -> float:
    """Declare how much of a label is spread over all classes."""
    field: float = attrs.field(
        default=0.0,
        validator=[ge(0.0), lt(1.0)],
        metadata={"help": "share of each label that is spread over all classes (Szegedy et al. 2016)"},
    )
    return field


def _weights(_: object, attribute: attrs.Attribute[ClassWeights], weights: ClassWeights) -> None:
    if isinstance(weights, tuple) and (min(weights, default=0) < 0 or not any(weights)):
        raise ValueError(f"{attribute.name} must be >= 0, and not all of them 0")


@attrs.frozen(kw_only=True)
class CrossEntropyConfig:
    """Cross-entropy of each labelled frame, averaged over frames by class weight."""

    class_weights: Literal["balanced"] | tuple[float, ...] | None = class_weights()
    label_smoothing: float = label_smoothing()


@attrs.frozen(kw_only=True)
class FocalConfig:
    """Cross-entropy that looks away from frames that are scored well, averaged over labelled frames.

    T.-Y. Lin, P. Goyal, R. Girshick, K. He, P. Dollár (2017), "Focal Loss for Dense Object Detection", ICCV.
    """

    gamma: float = attrs.field(
        default=2.0, validator=ge(0.0), metadata={"help": "how much less they count; 0 is cross-entropy"}
    )
    class_weights: Literal["balanced"] | tuple[float, ...] | None = class_weights()


@attrs.frozen(kw_only=True)
class SmoothedCrossEntropyConfig:
    """Cross-entropy, and a penalty on scores that jump from frame to frame: the loss of ms_tcn.

    Y. Abu Farha, J. Gall (2019), "MS-TCN: Multi-Stage Temporal Convolutional Network for Action
    Segmentation", CVPR, equations 6 to 10. The mean over stages, where the paper has the sum.
    """

    class_weights: Literal["balanced"] | tuple[float, ...] | None = class_weights()
    label_smoothing: float = label_smoothing()
    smoothing: float = attrs.field(
        default=0.15, validator=ge(0.0), metadata={"help": "weight of the penalty, the paper's lambda"}
    )
    truncate: float = attrs.field(
        default=4.0,
        validator=gt(0.0),
        metadata={"help": "steps of log-probability above this cost no more, the paper's tau"},
    )


@attrs.frozen(kw_only=True)
class BinaryCrossEntropyConfig:
    """Cross-entropy of each class by itself, for frames that may have several; unlabelled ones left out."""

    positive_weights: tuple[float, ...] | None = attrs.field(
        default=None,
        metadata={"help": "how much more a class's presence counts than its absence, one a class"},
    )

    def __attrs_post_init__(self) -> None:
        if self.positive_weights is not None and min(self.positive_weights, default=0) <= 0:
            raise ValueError("positive_weights must be above 0")


def build_cross_entropy(config: CrossEntropyConfig, context: LossContext) -> nn.Module:
    """Build the loss of scores (…, batch, frames, classes) and targets (batch, frames)."""
    from .torch_losses import CrossEntropy

    return CrossEntropy(resolved(config.class_weights, context), config.label_smoothing)


def build_focal(config: FocalConfig, context: LossContext) -> nn.Module:
    """Build the loss of scores (…, batch, frames, classes) and targets (batch, frames)."""
    from .torch_losses import Focal

    return Focal(resolved(config.class_weights, context), config.gamma)


def build_smoothed_cross_entropy(config: SmoothedCrossEntropyConfig, context: LossContext) -> nn.Module:
    """Build the loss of scores (…, batch, frames, classes) and targets (batch, frames)."""
    from .torch_losses import SmoothedCrossEntropy

    weights = resolved(config.class_weights, context)
    return SmoothedCrossEntropy(weights, config.label_smoothing, config.smoothing, config.truncate)


def build_binary_cross_entropy(config: BinaryCrossEntropyConfig, context: LossContext) -> nn.Module:
    """Build the loss of scores (…, batch, frames, classes) and targets (batch, frames, classes)."""
    from .torch_losses import BinaryCrossEntropy

    weights = config.positive_weights or (1.0,) * len(context.class_counts)
    return BinaryCrossEntropy(_one_each("positive_weights", weights, context))


def resolved(weights: ClassWeights, context: LossContext) -> tuple[float, ...]:
    """Return one weight a class; raise UserError where there is another number of them."""
    counts = context.class_counts
    if weights is None:
        return (1.0,) * len(counts)
    if weights == "balanced":
        return tuple(sum(counts) / (len(counts) * max(count, 1)) for count in counts)
    return _one_each("class_weights", weights, context)


def _one_each(key: str, weights: tuple[float, ...], context: LossContext) -> tuple[float, ...]:
    if len(weights) != len(context.class_counts):
        names = ", ".join(context.data.class_names)
        raise UserError(f"{key} has {len(weights)} weights for {len(context.class_counts)} classes: {names}")
    return weights


@hookimpl
def mabe_losses() -> list[LossSpec[Any]]:
    return [
        LossSpec(name="cross_entropy", config=CrossEntropyConfig, build=build_cross_entropy),
        LossSpec(name="focal", config=FocalConfig, build=build_focal),
        LossSpec(
            name="smoothed_cross_entropy",
            config=SmoothedCrossEntropyConfig,
            build=build_smoothed_cross_entropy,
        ),
        LossSpec(
            name="binary_cross_entropy",
            config=BinaryCrossEntropyConfig,
            build=build_binary_cross_entropy,
            exclusive=False,
        ),
    ]
