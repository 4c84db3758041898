"""`on_nan: skip`: a step whose loss or gradient is not finite changes no weight, and is counted."""

from __future__ import annotations

from typing import Any

import attrs
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from mabe_core.training.parts import LossFunction

# so many in a row are no bad batches: training is broken
MOST_IN_A_ROW = 25


@attrs.frozen(eq=False)
class Skipping:
    """Leaves bad batches out, by tensors on the device alone, so that a captured step holds it too.

    The learning rate of such a step is 0 and its gradient too: running means of gradients fade by one step.
    What a layer itself keeps of a batch, such as running statistics, is not undone.
    fits: whether the loss of this step is finite. skipped: steps left out in this epoch. in_a_row: the last
    ones.
    """

    fits: Tensor
    skipped: Tensor
    in_a_row: Tensor

    @classmethod
    def on(cls, device: torch.device) -> Skipping:
        """Begin on a device."""
        counts = [torch.zeros((), dtype=torch.int64, device=device) for _ in range(2)]
        return cls(torch.ones((), dtype=torch.bool, device=device), *counts)

    def guard_loss(self, loss: LossFunction) -> LossFunction:
        """Return the loss function, which in training gives 0 for what is not finite."""

        def guarded(scores: Tensor, targets: Tensor) -> Tensor:
            value = loss(scores, targets)
            if not torch.is_grad_enabled():
                return value
            self.fits.copy_(value.detach().isfinite())
            return torch.where(self.fits, value, 0.0)

        return guarded

    def guard(self, optimizer: Optimizer) -> None:
        """Look at gradients before each update from now on."""
        optimizer.register_step_pre_hook(self._look)

    def _look(self, optimizer: Optimizer, words: Any, named: Any) -> None:
        parameters = [each for group in optimizer.param_groups for each in group["params"]]
        gradients = [each.grad for each in parameters if each.grad is not None]
        fits = nn.utils.get_total_norm(gradients).isfinite() & self.fits
        for gradient in gradients:
            gradient.masked_fill_(~fits, 0.0)
        for group in optimizer.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].mul_(fits)
            elif not fits:
                group["lr"] = 0.0
        self.skipped.add_(~fits)
        self.in_a_row.copy_(torch.where(fits, 0, self.in_a_row + 1))

    def state(self) -> dict[str, Tensor]:
        """Return what is counted, by name."""
        return {"skipped": self.skipped, "in_a_row": self.in_a_row}
