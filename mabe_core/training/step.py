"""What the loop asks of a step, however it is executed; and the plain one, called as it stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import attrs
import numpy as np
import torch
from torch import Tensor, nn

from mabe_core.training.inputs import TrainingData
from mabe_core.training.parts import Parts
from mabe_core.training.precision import Precision
from mabe_core.training.processes import ALONE, Processes
from mabe_core.training.scale import LossScale
from mabe_core.training.shares import Share, shares, weighted
from mabe_core.training.unhooked import unhooked_step

Forward = Callable[[Tensor], Tensor]
# the model's tensors, the optimizer's state as torch has it, the tensors of the loss scale
State = tuple[dict[str, Tensor], dict[str, Any], dict[str, Tensor]]


class Step(Protocol):
    """Trains, batch after batch, in the order that it is given.

    parts: what it trains. forward: maps inputs to scores as training does, in the weights' format.
    processes: those that train it together.
    """

    parts: Parts
    forward: Forward
    processes: Processes

    @property
    def how(self) -> str:
        """In words, how steps are done, for the record."""

    def begin(self, starts: Tensor, first: int, done: int, loss_sum: Tensor) -> None:
        """Take over an epoch: its window starts on the device, the number of its first step, how many of its
        steps are done, and the tensor that adds up the losses."""

    def advance(self, most: int) -> int:
        """Do the next step, or several at once but not more than `most`; return how many."""

    def rate(self) -> float:
        """Return the learning rate of the last step, of the first group of parameters."""

    def state(self) -> State:
        """Return what decides the next step, random numbers and the place in the epoch left out."""

    def load(
        self, model: Mapping[str, Tensor], optimizer: dict[str, Any], scale: Mapping[str, Tensor]
    ) -> None:
        """Take over what `state` returned."""

    def end(self, model: Mapping[str, Tensor]) -> nn.Module:
        """Return the model with these tensors, in the weights' format; no step is done after that."""


@attrs.define(eq=False)
class PlainStep:
    """One optimizer step on one batch of window starts, as any loop has it."""

    parts: Parts
    data: TrainingData
    grad_clip: float | None
    precision: Precision
    device: torch.device
    accumulate: int = 1
    processes: Processes = ALONE
    forward: Forward = attrs.field(init=False)
    how: str = attrs.field(init=False, default="plain")
    parameters: list[nn.Parameter] = attrs.field(init=False)
    rates: list[float] = attrs.field(init=False)
    scale: LossScale = attrs.field(init=False)
    starts: Tensor = attrs.field(init=False)
    number: int = attrs.field(init=False)
    place: int = attrs.field(init=False)
    loss_sum: Tensor = attrs.field(init=False)
    _optimize: Callable[[], object] = attrs.field(init=False)
    _shares: dict[int, list[Share]] = attrs.field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        self.forward = self.precision.autocast(self.parts.model, self.device)
        self.parameters = [p for group in self.parts.optimizer.param_groups for p in group["params"]]
        self.rates = [
            float(group.setdefault("initial_lr", group["lr"])) for group in self.parts.optimizer.param_groups
        ]
        self.scale = LossScale.of(self.precision, self.device)
        self._optimize = unhooked_step(self.parts.optimizer)

    def begin(self, starts: Tensor, first: int, done: int, loss_sum: Tensor) -> None:
        """Take over an epoch, as Step says."""
        self.starts, self.loss_sum = starts, loss_sum
        self.number, self.place = first + done, done * self.parts.schedule.batch_size

    def advance(self, most: int) -> int:
        """Do one step."""
        size = self.parts.schedule.batch_size
        self.loss_sum += self._step(self.starts[self.place : self.place + size])
        self.number += 1
        self.place += size
        return 1

    def _step(self, starts: Tensor) -> Tensor:
        optimizer = self.parts.optimizer
        factor = float(self.parts.factor(self.number))
        for group, rate in zip(optimizer.param_groups, self.rates, strict=True):
            group["lr"] = float(np.float32(rate * factor))  # as it is where it lies on the device
        optimizer.zero_grad()
        loss = self._backward(starts)
        fits = self.scale.down([p.grad for p in self.parameters if p.grad is not None])
        if fits:
            if self.grad_clip is not None:
                nn.utils.clip_grad_norm_(self.parameters, self.grad_clip)
            self._optimize()
        return loss

    def _backward(self, starts: Tensor) -> Tensor:
        """Leave the gradient of a batch's loss, scaled up, in the parameters; return the loss."""
        size = len(starts)
        if size not in self._shares:
            self._shares[size] = shares(size, self.accumulate, self.processes, starts.device)
        parts = self._shares[size]
        total = known = starts.new_zeros((), dtype=self.precision.weights)
        for part in parts:
            inputs, targets = self.data.train(starts[part.lane])
            scores = self.processes.together(self.forward(inputs), part.size, -3)
            targets = self.processes.together(targets, part.size, 0)
            loss = self.parts.loss(scores, targets)
            if len(parts) > 1:
                loss, here = weighted(loss, targets, size)
                known = known + here
            self.scale.up(loss).backward()  # type: ignore[no-untyped-call]  # torch's own annotation is missing
            total = total + loss.detach()
        self._sum_gradients()
        if len(parts) == 1:
            return total
        known = torch.where(known > 0, known, 1)
        torch._foreach_div_([p.grad for p in self.parameters if p.grad is not None], known)
        return total / known

    def _sum_gradients(self) -> None:
        """Sum the gradients of all processes, as one tensor; where the loss reaches no weight, as 0."""
        if self.processes.alone:
            return
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in self.parameters]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        self.processes.sum([flat])
        sizes = [gradient.numel() for gradient in gradients]
        for parameter, total in zip(self.parameters, flat.split_with_sizes(sizes), strict=True):
            parameter.grad = total.view_as(parameter)

    def rate(self) -> float:
        """Return the learning rate of the last step."""
        return float(self.parts.optimizer.param_groups[0]["lr"])

    def state(self) -> State:
        """Return what decides the next step."""
        return self.parts.model.state_dict(), self.parts.optimizer.state_dict(), self.scale.state()

    def load(
        self, model: Mapping[str, Tensor], optimizer: dict[str, Any], scale: Mapping[str, Tensor]
    ) -> None:
        """Take over what `state` returned."""
        self.parts.model.load_state_dict(dict(model))
        self.parts.optimizer.load_state_dict(optimizer)
        self.scale.load(scale)

    def end(self, model: Mapping[str, Tensor]) -> nn.Module:
        """Return the trained model."""
        self.parts.model.load_state_dict(dict(model))
        return self.parts.model
