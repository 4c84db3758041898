"""Loss `cross_entropy`: one class a frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import attrs

from mabe_core import UNLABELLED, LossContext, LossSpec, UserError, hookimpl

if TYPE_CHECKING:
    from torch import Tensor


@attrs.frozen(kw_only=True)
class CrossEntropyConfig:
    """Cross-entropy of each labelled frame, averaged over frames by class weight."""

    class_weights: Literal["balanced"] | tuple[float, ...] | None = attrs.field(
        default=None,
        metadata={
            "help": "one weight a class in the order of the classes; balanced: frames / (classes x frames of "
            "the class), as in scikit-learn"
        },
    )

    def __attrs_post_init__(self) -> None:
        weights = self.class_weights
        if isinstance(weights, tuple) and (min(weights, default=0) < 0 or not any(weights)):
            raise ValueError("class_weights must be >= 0, and not all of them 0")


def build_cross_entropy(
    config: CrossEntropyConfig, context: LossContext
) -> Callable[[Tensor, Tensor], Tensor]:
    """Build the loss of scores (batch, frames, classes) and targets (batch, frames), -1 for unlabelled."""
    import torch
    from torch.nn import functional

    counts = context.class_counts
    weights: tuple[float, ...] | None = None
    if config.class_weights == "balanced":
        weights = tuple(sum(counts) / (len(counts) * max(count, 1)) for count in counts)
    elif config.class_weights is not None:
        weights = config.class_weights
        if len(weights) != len(counts):
            names = ", ".join(context.data.class_names)
            raise UserError(f"class_weights has {len(weights)} weights for {len(counts)} classes: {names}")
    table = None if weights is None else torch.tensor(weights)

    def cross_entropy(scores: Tensor, targets: Tensor) -> Tensor:
        # (frames, classes), not (batch, classes, frames): the latter has no deterministic kernel on CUDA
        each = targets.expand(scores.shape[:-1]).flatten()  # once a stage, where there are several
        weight = scores.new_ones(len(counts)) if table is None else table.to(scores)
        total = functional.cross_entropy(
            scores.flatten(0, -2), each, weight=weight, ignore_index=UNLABELLED, reduction="sum"
        )
        by = torch.where(each != UNLABELLED, weight[each.clamp(min=0)], 0.0).sum()
        return total / torch.where(by > 0, by, 1.0)

    return cross_entropy


@hookimpl
def mabe_losses() -> list[LossSpec[CrossEntropyConfig]]:
    return [LossSpec(name="cross_entropy", config=CrossEntropyConfig, build=build_cross_entropy)]
