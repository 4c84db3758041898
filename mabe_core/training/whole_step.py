"""The whole step as one function of tensors on the device: on a GPU captured once and replayed.

Everything that changes from step to step lies on the device: the epoch's order, the place in it, the factors
on the learning rate. So a replay needs nothing from the host.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from mabe_core.experiment import Experiment
from mabe_core.training.batches import TableBatches
from mabe_core.training.blame import build_at
from mabe_core.training.compiling import one_kernel
from mabe_core.training.flat import FlatWeights
from mabe_core.training.inputs import TrainingData
from mabe_core.training.optimizer_state import join, split
from mabe_core.training.parts import Parts
from mabe_core.training.precision import Precision
from mabe_core.training.processes import ALONE, Processes
from mabe_core.training.scale import LossScale
from mabe_core.training.shares import Share, shares, weighted
from mabe_core.training.step import Forward, State
from mabe_core.training.unhooked import is_listened_to, unhooked_step

# what a group of torch's optimizers says of how, not of what, it computes
HOW_TORCH_COMPUTES = ("capturable", "fused", "foreach")


class WholeStep:
    """The step over flat weights, called; CapturedStep replays it.

    lowered: whether the model's own weights are in the arithmetic's format; where not, torch casts them at
    each use. An optimizer that is elementwise is built over all weights as one tensor, any other over the
    parts of it that the parameters are.
    """

    _judge_whole: Callable[[Tensor, int], tuple[Tensor, Tensor]]
    _move: Callable[[Sequence[Tensor]], None]
    _optimize: Callable[[], object]

    def __init__(
        self,
        experiment: Experiment,
        parts: Parts,
        data: TrainingData,
        precision: Precision,
        device: torch.device,
        *,
        lowered: bool = True,
        processes: Processes = ALONE,
    ) -> None:
        self.processes = processes
        self._together = processes.together
        names = [name for name, parameter in parts.model.named_parameters() if parameter.requires_grad]
        kept = Precision(precision.weights, precision.weights)
        self.weights = FlatWeights.of(parts.model, precision if lowered else kept, names)
        self.forward: Forward = self.weights.forward() if lowered else precision.autocast(parts.model, device)
        self.numbers = [names.index(name) for name in self.weights.names]
        self.gradient = torch.zeros_like(self.weights.master)
        spec = experiment.optimizer.spec
        self.elementwise = spec is not None and spec.elementwise
        self.optimizer: Optimizer = build_at("optimizer", experiment.optimizer, self._masters())
        self.flags = [
            {flag: group[flag] for flag in HOW_TORCH_COMPUTES if flag in group}
            for group in self.optimizer.param_groups
        ]
        self.device = device
        self._take_rates()
        self._as_written()
        self.parts = parts
        self.data = data
        self.grad_clip = experiment.training.grad_clip
        self.scale = LossScale.of(precision, device)
        schedule = parts.schedule
        self.size = schedule.batch_size
        self.order = torch.zeros(schedule.windows_per_epoch, dtype=torch.int64, device=device)
        self.factors = torch.ones(schedule.steps_per_epoch, device=device, dtype=torch.float64)
        self.cursor = torch.zeros(1, dtype=torch.int64, device=device)
        self.accumulate = experiment.accumulate
        self._shares: dict[int, list[Share]] = {}
        self.loss_sum = torch.zeros((), dtype=torch.float64, device=device)
        self.done = 0

    @property
    def how(self) -> str:
        """In words, how steps are done."""
        return "whole"

    def begin(self, starts: Tensor, first: int, done: int, loss_sum: Tensor) -> None:
        """Take over an epoch, as Step says."""
        self.order.copy_(starts)
        factors = [float(self.parts.factor(first + step)) for step in range(len(self.factors))]
        self.factors.copy_(torch.tensor(factors, dtype=torch.float64))
        self.cursor.fill_(done)
        self.done = done
        self.loss_sum = loss_sum

    def advance(self, most: int) -> int:
        """Do one step; the last of an epoch may have fewer windows."""
        self.step(min(self.size, len(self.order) - self.done * self.size))
        self.done += 1
        return 1

    def step(self, size: int) -> None:
        """Do the step that the cursor points at, on so many windows; nothing here waits for the device."""
        loss, taken = self._take(size)
        self._move(self.processes.sum(taken))
        # not compiled: torch 2.13 forgets what is added to a CPU's float64 without dimensions
        self.loss_sum.add_(loss)

    def _take(self, size: int) -> tuple[Tensor, Sequence[Tensor]]:
        """Return the loss of a batch, and what its gradient is of this process's windows."""
        judge = self._judge_whole if size == self.size else self._judge
        if size not in self._shares:
            self._shares[size] = shares(size, self.accumulate, self.processes, self.device)
        first, *more = self._shares[size]
        loss, targets = judge(first.lane, first.size)
        if not more:
            return loss.detach(), self.weights.gradients(self.scale.up(loss))
        loss, known = weighted(loss, targets, size)
        taken = [each.to(self.gradient.dtype) for each in self.weights.gradients(self.scale.up(loss))]
        total = loss.detach()
        for share in more:
            loss, targets = (judge if share.size == first.size else self._judge)(share.lane, share.size)
            loss, here = weighted(loss, targets, size)
            for one, other in zip(taken, self.weights.gradients(self.scale.up(loss)), strict=True):
                one.add_(other)
            total, known = total + loss.detach(), known + here
        known = torch.where(known > 0, known, 1)
        return total / known, [each / known for each in taken]

    def _judge(self, lane: Tensor, size: int) -> tuple[Tensor, Tensor]:
        """Return the loss of a part of the batch, of so many windows of which `lane` are scored here, and
        its targets."""
        return self._loss(*self._batch(lane), size)

    def _batch(self, lane: Tensor) -> tuple[Tensor, Tensor]:
        return self.data.train(self.order.index_select(0, self.cursor * self.size + lane))

    def _loss(self, inputs: Tensor, targets: Tensor, size: int) -> tuple[Tensor, Tensor]:
        scores = self._together(self.forward(inputs), size, -3)
        targets = self._together(targets, size, 0)
        return self.parts.loss(scores, targets), targets

    def _update(self, taken: Sequence[Tensor]) -> None:
        """Move the weights by the gradients that were taken, and go on to the next step."""
        self.weights.place(taken, self.gradient)
        factor = self.factors.index_select(0, self.cursor).squeeze(0) * self._finish_gradient()
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"].copy_(factor * rate)
        self._optimize()
        self.weights.synchronize()
        self.cursor.add_(1)

    def _finish_gradient(self) -> Tensor | float:
        """Unscale and clip the gradient in place; return the factor on the rate, 0 where it overflowed."""
        gradient, clip = self.gradient, self.grad_clip
        if clip is None and not self.scale.active:
            return 1.0
        norm = torch.linalg.vector_norm(gradient)
        divisor = self.scale.factor if self.scale.active else norm.new_ones(())
        if clip is not None:
            divisor = divisor * ((norm / divisor + 1e-6) / clip).clamp(min=1.0)
        gradient.div_(divisor)
        if not self.scale.active:
            return 1.0
        fits = norm.isfinite()
        # no weight moves then, and running means of gradients only fade by one step
        gradient.copy_(torch.where(fits, gradient, 0.0))
        self.scale.adjust(fits)
        unmoved: Tensor = fits.to(self.factors.dtype)
        return unmoved

    def compile(self, backend: str = "inductor") -> None:
        """Let torch compile what a whole batch goes through: loss and gradients, then clipping and update.

        Batches out of tables are gathered in the same kernels; what augmentations do stays as it is written.
        """
        if not self.processes.alone:
            self._together = torch.compiler.disable(self.processes.together)  # type: ignore[no-untyped-call]
        if isinstance(self.data.train, TableBatches):
            self._judge_whole = torch.compile(self._judge, dynamic=False, backend=backend)
        else:
            loss = torch.compile(self._loss, dynamic=False, backend=backend)
            self._judge_whole = lambda lane, size: loss(*self._batch(lane), size)
        if self.elementwise and not is_listened_to(self.optimizer):
            one_kernel(self.optimizer)
            self._move = torch.compile(self._update, dynamic=False, backend=backend)

    def _as_written(self) -> None:
        """Compile nothing, or no longer."""
        self._judge_whole, self._move = self._judge, self._update
        self._optimize = unhooked_step(self.optimizer)
        for group, flags in zip(self.optimizer.param_groups, self.flags, strict=True):
            group.update(self._on_device(flags))

    def rate(self) -> float:
        """Return the learning rate of the last step."""
        return float(self.optimizer.param_groups[0]["lr"])

    def state(self) -> State:
        """Return what decides the next step, laid out as a plain step has it."""
        saved = self.optimizer.state_dict()
        for group, rate, flags in zip(saved["param_groups"], self.rates, self.flags, strict=True):
            group.update(lr=float(group["lr"]), initial_lr=rate, **flags)
        if self.elementwise:
            saved = split(saved, self.weights, self.numbers)
        return self.weights.state(), saved, self.scale.state()

    def load(
        self, model: Mapping[str, Tensor], optimizer: dict[str, Any], scale: Mapping[str, Tensor]
    ) -> None:
        """Take over what `state` returned, before the first step."""
        self.weights.load(dict(model))
        self.scale.load(scale)
        saved = join(optimizer, self.weights, self.numbers) if self.elementwise else optimizer
        for group, flags in zip(saved["param_groups"], self.flags, strict=True):
            group.update(self._on_device(flags))  # which decides where torch puts step counts
        self.optimizer.load_state_dict(saved)
        self._take_rates()

    def end(self, model: Mapping[str, Tensor]) -> nn.Module:
        """Return the trained model, its weights its own again."""
        self.weights.undo()
        self.parts.model.load_state_dict(dict(model))
        return self.parts.model

    def _take_rates(self) -> None:
        """Put each group's learning rate on the device, where a captured step changes it."""
        groups = self.optimizer.param_groups
        self.rates = [float(group.get("initial_lr", group["lr"])) for group in groups]
        for group, flags in zip(groups, self.flags, strict=True):
            # 32 bits, since torch's fused kernels take no other
            rate = torch.tensor(float(group["lr"]), device=self.device, dtype=torch.float32)
            group.update(self._on_device(flags), lr=rate)

    def _on_device(self, flags: Mapping[str, Any]) -> dict[str, Any]:
        """Return the flags of a group of torch's optimizers that keep its arithmetic on the device."""
        if self.device.type == "cuda" and "capturable" in flags:
            return {**flags, "capturable": True}
        return dict(flags)

    def _masters(self) -> list[tuple[str, nn.Parameter]]:
        """Return what the optimizer is built over, each with its gradient in place."""
        weights = self.weights
        named = [("weights", weights.master, self.gradient)]
        if not self.elementwise:
            views = zip(
                weights.names, weights.views(weights.master), weights.views(self.gradient), strict=True
            )
            named = [each for _, each in sorted(zip(self.numbers, views, strict=True))]
        masters = []
        for name, tensor, gradient in named:
            parameter = nn.Parameter(tensor)
            parameter.grad = gradient
            masters.append((name, parameter))
        return masters
