"""The parts of one training: model, loss, optimizer, schedule and metrics, built from an experiment."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from mabe_core.errors import Problem, UserError, did_you_mean
from mabe_core.exchange import DataShape, Evaluation, LossContext, ScheduleContext
from mabe_core.experiment import Experiment
from mabe_core.specs import Component
from mabe_core.training.blame import build_at
from mabe_core.training.inputs import TrainingData
from mabe_core.training.unhooked import without_compiler

LossFunction = Callable[[Tensor, Tensor], Tensor]
MetricFunction = Callable[[Evaluation], Mapping[str, float]]


@attrs.frozen
class Schedule:
    """How many steps there are; the last of an epoch may be smaller."""

    epochs: int
    windows_per_epoch: int
    batch_size: int

    @property
    def steps_per_epoch(self) -> int:
        return -(-self.windows_per_epoch // self.batch_size)

    @property
    def total_steps(self) -> int:
        return self.epochs * self.steps_per_epoch


@attrs.frozen(eq=False)
class Parts:
    """Everything that one step and one validation use.

    metrics: those that are computed after each epoch, from counts.
    """

    model: nn.Module
    loss: LossFunction
    optimizer: Optimizer
    factor: Callable[[int], float]
    metrics: tuple[MetricFunction, ...]
    lower_is_better: frozenset[str]
    schedule: Schedule


def build_parts(
    experiment: Experiment, data: TrainingData, *, dtype: torch.dtype, device: torch.device
) -> Parts:
    """Build the parts, drawing the first weights from the experiment's seed."""
    seed_everything(experiment.seed)
    model: nn.Module = build_at("model", experiment.model, data.shape)
    model.to(device=device, dtype=dtype)
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise UserError(Problem(f"{experiment.model.name} has no parameters to train", path="model"))
    loss = build_at("loss", experiment.loss, LossContext(data.shape, data.class_counts))
    if isinstance(loss, nn.Module):
        loss.to(device=device, dtype=dtype)
    without_compiler()
    optimizer: Optimizer = build_at(
        "optimizer",
        experiment.optimizer,
        [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad],
    )
    training = experiment.training
    once_each = -(-data.frames // experiment.data.sequence_length)
    schedule = Schedule(training.epochs, training.windows_per_epoch or once_each, training.batch_size)
    metrics = tuple(build_at("metrics", component, data.shape) for component in _each_epoch(experiment))
    names = _check_scores(experiment, metrics, data.shape)
    lower = {
        name
        for component in _each_epoch(experiment)
        if component.spec
        for name in component.spec.lower_is_better
    }
    context = ScheduleContext(
        total_steps=schedule.total_steps,
        steps_per_epoch=schedule.steps_per_epoch,
        learning_rate=float(optimizer.param_groups[0]["lr"]),
        scores=tuple(names),
        monitor=training.monitor,
        lower_is_better=frozenset({*lower, "loss"}),
    )
    return Parts(
        model=model,
        loss=loss,
        optimizer=optimizer,
        factor=_factor(experiment, context),
        metrics=metrics,
        lower_is_better=context.lower_is_better,
        schedule=schedule,
    )


def _each_epoch(experiment: Experiment) -> list[Component[Any]]:
    """Return the metrics that counts are enough for; the others wait for the final scoring."""
    return [each for each in experiment.metrics if each.spec and each.spec.needs == "confusion"]


def _check_scores(experiment: Experiment, metrics: Sequence[MetricFunction], shape: DataShape) -> list[str]:
    """Return the names of each epoch's scores.

    Raises UserError where one is given twice, or none has the name that something is decided by.
    """
    classes = shape.num_classes
    evaluation = Evaluation(
        np.zeros((classes, classes), dtype=np.int64) if shape.exclusive else None,
        0.0,
        shape.class_names,
        stretches=(),
        counts=np.zeros((classes, 3), dtype=np.int64),
    )
    names = list(_scores(metrics, evaluation))
    at_end: list[str] = []
    for component in experiment.metrics:
        if component.spec and component.spec.needs == "frames":
            at_end += build_at("metrics", component, shape)(evaluation)
    for name in at_end:
        if [*names, *at_end].count(name) > 1:
            raise _given_twice(name)
    training = experiment.training
    deciding = {"training.monitor": training.monitor}
    if training.early_stopping is not None and training.early_stopping.metric is not None:
        deciding["training.early_stopping.metric"] = training.early_stopping.metric
    for path, name in deciding.items():
        if name in at_end:
            told = (
                f"{name} is computed once, from all frames at the end, so that it cannot choose among "
                f"epochs. Name one of {', '.join(names)}"
            )
        elif name not in names:
            told = f"no metric gives a score named {name!r}.{did_you_mean(name, names)}"
        else:
            continue
        raise UserError(Problem(told, path=path))
    return names


def _given_twice(name: str) -> UserError:
    return UserError(Problem(f"two metrics give a score named {name!r}", path="metrics"))


def seed_everything(seed: int) -> None:
    """Seed the generators of Python, NumPy and torch."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def _factor(experiment: Experiment, context: ScheduleContext) -> Callable[[int], float]:
    if experiment.scheduler is None:
        return lambda _: 1.0
    factor: Callable[[int], float] = build_at("scheduler", experiment.scheduler, context)
    for step in (0, context.total_steps // 2, context.total_steps - 1):
        if not 0 <= (value := float(factor(step))) < math.inf:
            raise UserError(
                Problem(f"{experiment.scheduler.name} gives {value} at step {step}", path="scheduler")
            )
    return factor


def scores(parts: Parts, evaluation: Evaluation) -> dict[str, Any]:
    """Return the loss and every metric of an epoch by name."""
    return _scores(parts.metrics, evaluation)


def _scores(metrics: Sequence[MetricFunction], evaluation: Evaluation) -> dict[str, Any]:
    values: dict[str, Any] = {"loss": evaluation.loss}
    for metric in metrics:
        for name, value in metric(evaluation).items():
            if name in values:
                raise _given_twice(name)
            values[name] = float(value)
    return values
