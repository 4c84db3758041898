"""The exponential moving average of the weights, which is evaluated and saved as the model."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import torch
from torch import Tensor
from torch.optim import Optimizer

from mabe_core.training.step import Step
from mabe_core.training.whole_step import WholeStep


@attrs.frozen(eq=False)
class Average:
    """An average of what an optimizer updates, taken right after each update.

    The decay begins lower, at (1 + updates) / (10 + updates), as TensorFlow's ExponentialMovingAverage has
    it, so that the first weights are soon forgotten. All of it are functions of tensors on the device, so a
    captured step holds them too. weights, averages: one flat tensor, or a tensor each parameter.
    """

    step: Step
    decay: float
    weights: list[Tensor]
    averages: list[Tensor]
    updates: Tensor

    @classmethod
    def of(cls, step: Step, decay: float) -> Average:
        """Begin with the weights as they are, and follow each update from now on."""
        if isinstance(step, WholeStep):
            weights = [step.weights.master]
        else:
            weights = [weight for weight in step.parts.model.parameters() if weight.requires_grad]
        updates = torch.zeros((), dtype=torch.float64, device=weights[0].device)
        average = cls(step, decay, weights, [weight.detach().clone() for weight in weights], updates)
        optimizer_of(step).register_step_post_hook(average._follow)
        return average

    def _follow(self, optimizer: Optimizer, words: Any, named: Any) -> None:
        with torch.no_grad():
            self.updates.add_(1)
            share = (9 / (10 + self.updates)).clamp(min=1 - self.decay)
            for average, weight in zip(self.averages, self.weights, strict=True):
                average.lerp_(weight, share.to(average.dtype))

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Let the model have the averages; afterwards its weights are as they were, to the bit."""
        before = [weight.detach().clone() for weight in self.weights]
        self._put(self.averages)
        try:
            yield
        finally:
            self._put(before)

    def state(self) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Return the averages by the names of the parameters, and the weights that training goes on from."""
        return self._named(self.averages), self._named(self.weights)

    def load(self, averages: Mapping[str, Tensor], updates: Tensor) -> None:
        """Take over what was saved, in place."""
        self.updates.copy_(updates)
        for name, average in self._named(self.averages).items():
            average.copy_(averages[name])

    def _put(self, tensors: list[Tensor]) -> None:
        with torch.no_grad():
            for weight, tensor in zip(self.weights, tensors, strict=True):
                weight.copy_(tensor)
        if isinstance(self.step, WholeStep):
            self.step.weights.synchronize()

    def _named(self, tensors: list[Tensor]) -> dict[str, Tensor]:
        if isinstance(self.step, WholeStep):
            flat = self.step.weights
            return dict(zip(flat.names, flat.views(tensors[0]), strict=True))
        named = self.step.parts.model.named_parameters()
        names = [name for name, weight in named if weight.requires_grad]
        return dict(zip(names, tensors, strict=True))


def optimizer_of(step: Step) -> Optimizer:
    """Return the optimizer that a step calls; a whole step has one of its own, over its flat weights."""
    return step.optimizer if isinstance(step, WholeStep) else step.parts.optimizer
