"""In which number formats a training computes: as asked for, or as the device has them."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import torch
from torch import Tensor, nn

from mabe_core.errors import Problem, UserError


@attrs.frozen
class Precision:
    """weights: the format that weights are kept and updated in. arithmetic: that of forward and backward."""

    weights: torch.dtype
    arithmetic: torch.dtype

    @property
    def name(self) -> str:
        """What an experiment calls it."""
        return str(self.arithmetic).removeprefix("torch.")

    @property
    def mixed(self) -> bool:
        """Whether weights are kept in another format than the arithmetic's."""
        return self.weights != self.arithmetic

    @property
    def scaled(self) -> bool:
        """Whether gradients would underflow if the loss were not scaled up."""
        return self.arithmetic == torch.float16

    def autocast(self, model: nn.Module, device: torch.device) -> Callable[[Tensor], Tensor]:
        """Return the model as a function whose operations torch runs in the arithmetic's format."""
        if not self.mixed:
            return model

        def forward(inputs: Tensor) -> Tensor:
            # casts are not kept: a captured step must see the weights of each step anew
            with torch.autocast(device.type, dtype=self.arithmetic, cache_enabled=False):
                scores: Tensor = model(inputs)
            return scores.to(self.weights)

        return forward


FLOAT32 = Precision(torch.float32, torch.float32)


def find_precision(asked: str, device: torch.device) -> Precision:
    """Return what `training.precision` says; auto is the fastest format that the device has in hardware.

    bfloat16 on a GPU that has it, float16 on one that has not (a T4 only emulates bfloat16), float32
    elsewhere. Raises UserError where the device cannot do what was asked for.
    """
    if asked == "auto":
        if device.type != "cuda":
            return FLOAT32
        with torch.cuda.device(device):
            hardware = torch.cuda.is_bf16_supported(including_emulation=False)
        asked = "bfloat16" if hardware else "float16"
    arithmetic: torch.dtype = getattr(torch, asked)
    if asked == "float16" and device.type == "cpu":
        raise UserError(
            Problem("float16 is for GPUs; on a CPU use float32 or bfloat16", path="training.precision")
        )
    if asked == "float64" and device.type == "mps":
        raise UserError(Problem("an Apple GPU has no float64", path="training.precision"))
    return Precision(arithmetic if asked == "float64" else torch.float32, arithmetic)
