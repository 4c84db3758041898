"""The optimizers: `sgd`, `adam`, `adamw` and `muon`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import attrs
from attrs.validators import ge, gt, lt

from mabe_core import OptimizerSpec, hookimpl

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer

Parameters = Sequence[tuple[str, "nn.Parameter"]]


def learning_rate(default: float) -> float:
    """Declare the step size."""
    field: float = attrs.field(default=default, validator=gt(0.0), metadata={"help": "step size"})
    return field


def decay(default: float, help: str) -> float:  # noqa: A002 - click's word for it
    """Declare a share from 0 to below 1."""
    field: float = attrs.field(default=default, validator=[ge(0.0), lt(1.0)], metadata={"help": help})
    return field


def at_least_0(default: float, help: str) -> float:  # noqa: A002
    """Declare a number from 0."""
    field: float = attrs.field(default=default, validator=ge(0.0), metadata={"help": help})
    return field


def epsilon() -> float:
    """Declare what keeps a quotient finite."""
    field: float = attrs.field(
        default=1e-8, validator=gt(0.0), metadata={"help": "added to the root of the square"}
    )
    return field


DECOUPLED = "share of a weight taken off, per learning rate"
MEAN = "decay of the gradients' mean"
SQUARE = "decay of the gradients' square"


@attrs.frozen(kw_only=True)
class SgdConfig:
    """Stochastic gradient descent with momentum (Polyak 1964, Nesterov 1983)."""

    learning_rate: float = learning_rate(1e-2)
    momentum: float = decay(0.9, MEAN)
    nesterov: bool = attrs.field(
        default=True, metadata={"help": "look ahead along the momentum; without momentum it is not used"}
    )
    weight_decay: float = at_least_0(0.0, "times the weight, added to its gradient")


@attrs.frozen(kw_only=True)
class AdamConfig:
    """Steps scaled by the gradients' own size (Kingma & Ba 2015); weight decay is part of the gradient."""

    learning_rate: float = learning_rate(1e-3)
    weight_decay: float = at_least_0(0.0, "times the weight, added to its gradient")
    beta1: float = decay(0.9, MEAN)
    beta2: float = decay(0.999, SQUARE)
    epsilon: float = epsilon()


@attrs.frozen(kw_only=True)
class AdamWConfig:
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019)."""

    learning_rate: float = learning_rate(1e-4)
    weight_decay: float = at_least_0(1e-5, DECOUPLED)
    beta1: float = decay(0.9, MEAN)
    beta2: float = decay(0.999, SQUARE)
    epsilon: float = epsilon()


@attrs.frozen(kw_only=True)
class MuonConfig:
    """Momentum made orthogonal for matrices (Jordan et al. 2024), AdamW for all other parameters.

    K. Jordan, Y. Jin, V. Boza, J. You, F. Cesista, L. Newhouse, J. Bernstein (2024), "Muon: An optimizer for
    hidden layers in neural networks"; steps of matrices scaled to the size of AdamW's (Liu et al. 2025,
    "Muon is Scalable for LLM Training", arXiv:2502.16982), so that one learning rate serves both.
    """

    learning_rate: float = learning_rate(3e-4)
    weight_decay: float = at_least_0(1e-2, DECOUPLED)
    momentum: float = decay(0.95, "decay of the matrices' gradients")
    beta1: float = decay(0.9, f"{MEAN}, of all others")
    beta2: float = decay(0.999, f"{SQUARE}, of all others")


def build_sgd(config: SgdConfig, parameters: Parameters) -> Optimizer:
    """Build torch's SGD, its update one fused kernel."""
    from torch.optim import SGD

    return SGD(
        [parameter for _, parameter in parameters],
        lr=config.learning_rate,
        momentum=config.momentum,
        nesterov=config.nesterov and config.momentum > 0,
        weight_decay=config.weight_decay,
        fused=True,
    )


def build_adam(config: AdamConfig, parameters: Parameters) -> Optimizer:
    """Build torch's Adam, its update one fused kernel."""
    from torch.optim import Adam

    return Adam([parameter for _, parameter in parameters], **_adams(config), fused=True)


def build_adamw(config: AdamWConfig, parameters: Parameters) -> Optimizer:
    """Build torch's AdamW, its update one fused kernel."""
    from torch.optim import AdamW

    return AdamW([parameter for _, parameter in parameters], **_adams(config), fused=True)


def build_muon(config: MuonConfig, parameters: Parameters) -> Optimizer:
    """Build torch's Muon for matrices and its AdamW for vectors and convolutions; see torch_muon.py."""
    from .torch_muon import MuonAndAdamW

    return MuonAndAdamW(config, [parameter for _, parameter in parameters])


def _adams(config: AdamConfig | AdamWConfig) -> dict[str, Any]:
    return {
        "lr": config.learning_rate,
        "betas": (config.beta1, config.beta2),
        "eps": config.epsilon,
        "weight_decay": config.weight_decay,
    }


@hookimpl
def mabe_optimizers() -> list[OptimizerSpec[Any]]:
    return [
        OptimizerSpec(name="sgd", config=SgdConfig, build=build_sgd, elementwise=True),
        OptimizerSpec(name="adam", config=AdamConfig, build=build_adam, elementwise=True),
        OptimizerSpec(name="adamw", config=AdamWConfig, build=build_adamw, elementwise=True),
        OptimizerSpec(name="muon", config=MuonConfig, build=build_muon),
    ]
