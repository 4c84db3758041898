"""Optimizer `adamw`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import attrs
from attrs.validators import ge, gt, lt

from mabe_core import OptimizerSpec, hookimpl

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer


@attrs.frozen(kw_only=True)
class AdamWConfig:
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019)."""

    learning_rate: float = attrs.field(default=1e-4, validator=gt(0.0), metadata={"help": "step size"})
    weight_decay: float = attrs.field(
        default=1e-5, validator=ge(0.0), metadata={"help": "share of a weight taken off, per learning rate"}
    )
    beta1: float = attrs.field(
        default=0.9, validator=[ge(0.0), lt(1.0)], metadata={"help": "decay of the gradients' mean"}
    )
    beta2: float = attrs.field(
        default=0.999, validator=[ge(0.0), lt(1.0)], metadata={"help": "decay of the gradients' square"}
    )
    epsilon: float = attrs.field(
        default=1e-8, validator=gt(0.0), metadata={"help": "added to the root of the square"}
    )


def build_adamw(config: AdamWConfig, parameters: Sequence[tuple[str, nn.Parameter]]) -> Optimizer:
    """Build torch's AdamW, its update one fused kernel."""
    from torch.optim import AdamW

    return AdamW(
        [parameter for _, parameter in parameters],
        lr=config.learning_rate,
        betas=(config.beta1, config.beta2),
        eps=config.epsilon,
        weight_decay=config.weight_decay,
        fused=True,
    )


@hookimpl
def mabe_optimizers() -> list[OptimizerSpec[AdamWConfig]]:
    return [OptimizerSpec(name="adamw", config=AdamWConfig, build=build_adamw, elementwise=True)]
