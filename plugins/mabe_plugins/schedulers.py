"""Scheduler `cosine`."""

from __future__ import annotations

import math
from collections.abc import Callable

import attrs
from attrs.validators import ge

from mabe_core import ScheduleContext, SchedulerSpec, UserError, hookimpl


@attrs.frozen(kw_only=True)
class CosineConfig:
    """Half a cosine down to min_lr (Loshchilov & Hutter 2017), after a linear warm-up."""

    min_lr: float = attrs.field(
        default=1e-6, validator=ge(0.0), metadata={"help": "learning rate at the last step"}
    )
    warmup_steps: int = attrs.field(
        default=0, validator=ge(0), metadata={"help": "steps over which the rate rises from 0"}
    )


def build_cosine(config: CosineConfig, schedule: ScheduleContext) -> Callable[[int], float]:
    """Build the factor on the learning rate, reaching min_lr at the last step."""
    floor = config.min_lr / schedule.learning_rate
    if floor > 1.0:
        raise UserError(f"min_lr {config.min_lr} is above the learning rate {schedule.learning_rate}")
    if config.warmup_steps >= schedule.total_steps:
        raise UserError(f"warmup_steps {config.warmup_steps} leaves nothing of {schedule.total_steps} steps")
    falling = max(schedule.total_steps - config.warmup_steps - 1, 1)

    def factor(step: int) -> float:
        if step < config.warmup_steps:
            return (step + 1) / (config.warmup_steps + 1)
        done = min((step - config.warmup_steps) / falling, 1.0)
        return floor + (1.0 - floor) * 0.5 * (1.0 + math.cos(math.pi * done))

    return factor


@hookimpl
def mabe_schedulers() -> list[SchedulerSpec[CosineConfig]]:
    return [SchedulerSpec(name="cosine", config=CosineConfig, build=build_cosine)]
