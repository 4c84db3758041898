"""The schedulers: `constant`, `linear`, `cosine`, `one_cycle` and `plateau`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import attrs
from attrs.validators import and_, ge, gt, lt

from mabe_core import ScheduleContext, SchedulerSpec, UserError, did_you_mean, hookimpl

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


@attrs.frozen(kw_only=True)
class PlateauConfig:
    """Down by a factor whenever a validation score stops getting better, after a linear warm-up."""

    metric: str | None = attrs.field(
        default=None, metadata={"help": "the score that is watched; by default training.monitor"}
    )
    factor: float = attrs.field(
        default=0.1, validator=and_(gt(0.0), lt(1.0)), metadata={"help": "what the rate is multiplied by"}
    )
    patience: int = attrs.field(
        default=3, validator=ge(0), metadata={"help": "epochs without a gain that are let pass"}
    )
    min_delta: float = attrs.field(
        default=0.0, validator=ge(0.0), metadata={"help": "a gain is more than this"}
    )
    cooldown: int = attrs.field(
        default=0, validator=ge(0), metadata={"help": "epochs after a fall that are not counted"}
    )
    min_lr: float = attrs.field(
        default=1e-6, validator=ge(0.0), metadata={"help": "the rate does not fall below this"}
    )
    warmup_steps: int = warmup_steps()


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


def build_plateau(config: PlateauConfig, schedule: ScheduleContext) -> Plateau:
    """Build the factor on the learning rate, which falls at the ends of epochs."""
    name = config.metric or schedule.monitor
    if name not in schedule.scores:
        raise UserError(f"no metric gives a score named {name!r}.{did_you_mean(name, schedule.scores)}")
    sign = -1.0 if name in schedule.lower_is_better else 1.0
    warmed_up = _warmed_up(config.warmup_steps, schedule, lambda done: 1.0)
    return Plateau(config, name, sign, _floor(config.min_lr, schedule), warmed_up)


@attrs.define(eq=False)
class Plateau:
    """A factor that falls once a score has stopped getting better, as torch's ReduceLROnPlateau has it.

    name: of the score. sign: -1 where lower is better. floor: the factor of min_lr.
    """

    config: PlateauConfig
    name: str
    sign: float
    floor: float
    warmed_up: Factor
    level: float = 1.0
    best: float = -math.inf
    without: int = 0
    resting: int = 0

    def __call__(self, step: int) -> float:
        """Return the factor at a step of the epoch that comes next."""
        return self.level * self.warmed_up(step)

    def epoch_ended(self, scores: Mapping[str, float]) -> None:
        """Take note of an epoch's scores; one that is not a number is no gain."""
        score = self.sign * scores[self.name]
        if score > self.best + self.config.min_delta:
            self.best, self.without = score, 0
        else:
            self.without += 1
        if self.resting:
            self.resting, self.without = self.resting - 1, 0
        if self.without > self.config.patience:
            self.level = max(self.level * self.config.factor, self.floor)
            self.resting, self.without = self.config.cooldown, 0


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
        SchedulerSpec(name="plateau", config=PlateauConfig, build=build_plateau),
    ]
