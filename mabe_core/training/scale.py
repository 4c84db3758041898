"""The factor on the loss that keeps float16 gradients from underflowing (Micikevicius et al. 2018)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
import torch
from torch import Tensor, nn

from mabe_core.training.precision import Precision

# as torch's GradScaler has them
FIRST, GROWTH, BACKOFF, QUIET_STEPS = 2.0**16, 2.0, 0.5, 2000


@attrs.frozen(eq=False)
class LossScale:
    """Halved by a step whose gradients overflow, which changes no weight; doubled after QUIET_STEPS without.

    factor, quiet: the scale, and how many steps went well since it changed, on the device.
    """

    active: bool
    factor: Tensor
    quiet: Tensor

    @classmethod
    def of(cls, precision: Precision, device: torch.device) -> LossScale:
        """Return the first scale; 1 for ever where the precision needs none."""
        factor = torch.tensor(FIRST if precision.scaled else 1.0, device=device)
        return cls(precision.scaled, factor, torch.zeros((), dtype=torch.int64, device=device))

    def up(self, loss: Tensor) -> Tensor:
        """Return the loss to take gradients of."""
        return loss * self.factor if self.active else loss

    def down(self, gradients: Sequence[Tensor]) -> bool:
        """Scale gradients back, in place; tell whether they are finite. Waits for the device."""
        if not self.active:
            return True
        fits = nn.utils.get_total_norm(gradients).isfinite()
        torch._foreach_mul_(list(gradients), 1 / self.factor)
        self.adjust(fits)
        return bool(fits)

    def adjust(self, fits: Tensor) -> None:
        """Take note of whether a step's gradients were finite; in tensors alone."""
        quiet = torch.where(fits, self.quiet + 1, 0)
        grown = quiet >= QUIET_STEPS
        self.factor.mul_(torch.where(fits, torch.where(grown, GROWTH, 1.0), BACKOFF))
        self.quiet.copy_(torch.where(grown, 0, quiet))

    def state(self) -> dict[str, Tensor]:
        """Return what decides the next scale; nothing where it never changes."""
        return {"factor": self.factor, "quiet": self.quiet} if self.active else {}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take over, in place, what `state` returned; a run that had no scale begins with the first."""
        for name, tensor in self.state().items():
            if name in state:
                tensor.copy_(state[name])
