"""Tells where numbers stopped being finite: at which step, on which frames, and what to try."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from torch import Tensor

from mabe_core.errors import RunError
from mabe_core.runs.checkpoints import Checkpoint
from mabe_core.training.inputs import TrainingData

# windows of a batch that a message names
MOST_WINDOWS = 6
REMEDIES = (
    "a smaller optimizer.learning_rate, a smaller training.grad_clip, a longer warm-up, or "
    "training.precision=float32"
)


class NotFiniteError(RunError):
    """The loss or the weights became infinite, or not a number."""


def not_finite_loss(
    loss: float, steps: str, data: TrainingData, starts: Sequence[int], newest: str | None
) -> NotFiniteError:
    """Return the error for a loss.

    steps: in words. starts: of the windows that these steps were done on. newest: the last checkpoint.
    """
    named = [data.place(start) for start in starts[:MOST_WINDOWS]]
    if len(starts) > MOST_WINDOWS:
        named.append(f"and {len(starts) - MOST_WINDOWS} more")
    return NotFiniteError(
        f"the loss became {loss} at {steps}, on frames {'; '.join(named)}. {_last_good(newest)}. The inputs "
        f"are finite, so try {REMEDIES}; training.on_nan=skip leaves such batches out"
    )


def too_many_skipped(steps: int, step: int, epoch: int, newest: str | None) -> NotFiniteError:
    """Return the error for a training of which only bad batches are left."""
    return NotFiniteError(
        f"all of the last {steps} steps up to step {step}, in epoch {epoch}, had a loss or a gradient that "
        f"is not finite, and were left out. {_last_good(newest)}. Try {REMEDIES}"
    )


def check_weights(checkpoint: Checkpoint, parameters: Iterable[str], newest: str | None) -> None:
    """Raise NotFiniteError where a weight that is about to be saved is not finite."""
    for name in parameters:
        if name in checkpoint.model and not checkpoint.model[name].isfinite().all():
            raise NotFiniteError(
                f"{name} is not finite after step {checkpoint.state['step']}, which was not saved. "
                f"{_last_good(newest)}. Try {REMEDIES}"
            )


class Trail:
    """The sum of losses after each advance, on the device; looked at when the sum is not finite any more."""

    def __init__(self) -> None:
        self._sums: list[tuple[int, int, Tensor]] = []

    def add(self, before: int, after: int, loss_sum: Tensor) -> None:
        """Keep the sum after the steps from one to another; nothing waits for the device."""
        self._sums.append((before, after, loss_sum.clone()))

    def clear(self) -> None:
        """Forget what was finite."""
        self._sums.clear()

    def first(self) -> tuple[int, int] | None:
        """Return before and after which step the sum stopped being finite."""
        for before, after, loss_sum in self._sums:
            if not math.isfinite(loss_sum.item()):
                return before, after
        return None


def _last_good(newest: str | None) -> str:
    return f"The last good checkpoint is {newest}" if newest else "There is no checkpoint before it"
