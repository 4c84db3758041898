"""The schedulers: `constant`, `linear`, `cosine` and `one_cycle`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import attrs
from attrs.validators import and_, ge, gt, lt

from mabe_core import ScheduleContext, SchedulerSpec, UserError, hookimpl

Factor = Callable[[int], float]


def min_lr() -> float:
    """Declare where the rate ends."""
    field: float = attrs.field(
        default=1e-6, validator=ge(0.0), metadata={"help": "learning rate at the last step"}
    )
    return field


def warmup_steps() -> int:
    """Declare how long the rate rises."""
    field: int = attrs.field(
        default=0, validator=ge(0), metadata={"help": "steps over which the rate rises from 0"}
    )
    return field


@attrs.frozen(kw_only=True)
class ConstantConfig:
    """The learning rate as it is, after a linear warm-up."""

    warmup_steps: int = warmup_steps()


@attrs.frozen(kw_only=True)
class LinearConfig:
    """A straight line down to min_lr, after a linear warm-up."""

    min_lr: float = min_lr()
    warmup_steps: int = warmup_steps()


@attrs.frozen(kw_only=True)
class CosineConfig:
    """Half a cosine down to min_lr (Loshchilov & Hutter 2017), after a linear warm-up."""

    min_lr: float = min_lr()
    warmup_steps: int = warmup_steps()


@attrs.frozen(kw_only=True)
class OneCycleConfig:
    """Up to the learning rate and down again, on cosines (Smith & Topin 2019).

    L. N. Smith, N. Topin (2019), "Super-Convergence: Very Fast Training of Neural Networks Using Large
    Learning Rates". Momentum stays as it is.
    """

    rising: float = attrs.field(
        default=0.3, validator=and_(gt(0.0), lt(1.0)), metadata={"help": "share of the steps until the top"}
    )
    start_divisor: float = attrs.field(
        default=25.0, validator=ge(1.0), metadata={"help": "the first rate is the learning rate over this"}
    )
    end_divisor: float = attrs.field(
        default=1e4, validator=ge(1.0), metadata={"help": "the last rate is the first one over this"}
    )


def build_constant(config: ConstantConfig, schedule: ScheduleContext) -> Factor:
    """Build the factor on the learning rate: 1 after the warm-up."""
    return _warmed_up(config.warmup_steps, schedule, lambda done: 1.0)


def build_linear(config: LinearConfig, schedule: ScheduleContext) -> Factor:
    """Build the factor on the learning rate, reaching min_lr at the last step."""
    floor = _floor(config.min_lr, schedule)
    return _warmed_up(config.warmup_steps, schedule, lambda done: floor + (1.0 - floor) * (1.0 - done))


def build_cosine(config: CosineConfig, schedule: ScheduleContext) -> Factor:
    """Build the factor on the learning rate, reaching min_lr at the last step."""
    floor = _floor(config.min_lr, schedule)
    return _warmed_up(
        config.warmup_steps,
        schedule,
        lambda done: floor + (1.0 - floor) * 0.5 * (1.0 + math.cos(math.pi * done)),
    )


def build_one_cycle(config: OneCycleConfig, schedule: ScheduleContext) -> Factor:
    """Build the factor on the learning rate: 1 at the top, as torch's OneCycleLR has it."""
    first = 1.0 / config.start_divisor
    last = first / config.end_divisor
    top = config.rising * schedule.total_steps - 1
    end = schedule.total_steps - 1

    def factor(step: int) -> float:
        if step <= top:
            return _on_cosine(first, 1.0, step / top if top > 0 else 1.0)
        return _on_cosine(1.0, last, (step - top) / (end - top) if end > top else 0.0)

    return factor


def _on_cosine(start: float, stop: float, done: float) -> float:
    return stop + (start - stop) * 0.5 * (1.0 + math.cos(math.pi * done))


def _floor(min_lr: float, schedule: ScheduleContext) -> float:
    floor = min_lr / schedule.learning_rate
    if floor > 1.0:
        raise UserError(f"min_lr {min_lr} is above the learning rate {schedule.learning_rate}")
    return floor


def _warmed_up(steps: int, schedule: ScheduleContext, falling: Callable[[float], float]) -> Factor:
    """Return a factor that rises for some steps, then follows a function of the share of the others done."""
    if steps >= schedule.total_steps:
        raise UserError(f"warmup_steps {steps} leaves nothing of {schedule.total_steps} steps")
    others = max(schedule.total_steps - steps - 1, 1)

    def factor(step: int) -> float:
        if step < steps:
            return (step + 1) / (steps + 1)
        return falling(min((step - steps) / others, 1.0))

    return factor


@hookimpl
def mabe_schedulers() -> list[SchedulerSpec[Any]]:
    return [
        SchedulerSpec(name="constant", config=ConstantConfig, build=build_constant),
        SchedulerSpec(name="linear", config=LinearConfig, build=build_linear),
        SchedulerSpec(name="cosine", config=CosineConfig, build=build_cosine),
        SchedulerSpec(name="one_cycle", config=OneCycleConfig, build=build_one_cycle),
    ]
