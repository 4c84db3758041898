"""What a scheduler promises: a finite factor for every step, by the step and the scores told alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from numbers import Real
from typing import Any

import attrs

from mabe_core.errors import UserError
from mabe_core.exchange import ScheduleContext, WatchingSchedule
from mabe_core.testing.findings import Fault, NotAsked, Subject, Suite

# usual; one epoch; one step
CONTEXTS = (ScheduleContext(1000, 100, 1e-3), ScheduleContext(37, 37, 1e-2), ScheduleContext(1, 1, 1e-3))

Factor = Callable[[int], float]


def prepare(subject: Subject) -> Subject:
    """See that it can be built for the usual number of steps."""
    subject.build(CONTEXTS[0])
    return subject


def a_finite_factor_at_every_step(subject: Subject) -> str:
    """Factors are finite, at least 0, and somewhere above it.

    A number of steps that it cannot be built for is refused with a UserError.
    """
    refused = []
    for context in CONTEXTS:
        try:
            factor: Factor = subject.build(context)
        except UserError as error:
            refused.append(f"refuses {context.total_steps} steps: {error}")
            continue
        factors = _factors(factor, range(context.total_steps))
        for step, value in enumerate(factors):
            if not 0 <= value < math.inf:
                raise Fault(f"of {context.total_steps} steps, step {step} has the factor {value}")
        if not any(factors):
            raise Fault(f"of {context.total_steps} steps all have the factor 0")
    return "; ".join(refused)


def _factors(factor: Factor, steps: Iterable[int]) -> list[float]:
    factors = []
    for step in steps:
        value: Any = factor(step)
        if not isinstance(value, Real):
            raise Fault(f"step {step} has the factor {value!r}, of type {type(value).__name__}: not a number")
        factors.append(float(value))
    return factors


def a_factor_and_not_a_rate(subject: Subject) -> None:
    """Ten times the learning rate does not make all factors ten times as large: they are its multiples."""
    usual = CONTEXTS[0]
    try:
        small: Factor = subject.build(usual)
        large: Factor = subject.build(attrs.evolve(usual, learning_rate=10 * usual.learning_rate))
    except UserError as error:
        raise NotAsked(f"it refuses another learning rate: {error}") from error
    steps = range(usual.total_steps)
    pairs = zip(_factors(small, steps), _factors(large, steps), strict=True)
    if all(math.isclose(10 * one, other) for one, other in pairs):
        raise Fault(
            "it gives learning rates, not factors: what it returns is multiplied by the learning rate, so "
            "divide by schedule.learning_rate"
        )


def the_step_alone_decides(subject: Subject) -> None:
    """Asked in another order, or twice, it gives the same: a resumed run asks from the middle on."""
    context = CONTEXTS[1]
    factor: Factor = subject.build(context)
    forward = _factors(factor, range(context.total_steps))
    again: Factor = subject.build(context)
    backward = _factors(again, reversed(range(context.total_steps)))[::-1]
    for step, (one, other) in enumerate(zip(forward, backward, strict=True)):
        if one != other:
            raise Fault(f"step {step} has the factor {one} or {other}, by the order in which it is asked")


def the_scores_told_decide_the_rest(subject: Subject) -> str:
    """Told the same scores anew, as when a run goes on, one that watches them gives the same factors."""
    context = CONTEXTS[0]
    first: Factor = subject.build(context)
    if not isinstance(first, WatchingSchedule):
        return ""
    told = [dict.fromkeys(context.scores, 1 / (1 + epoch // 3)) for epoch in range(10)]
    for scores in told:
        first.epoch_ended(dict(scores))
        first(0)
    again = subject.build(context)
    for scores in told:
        again.epoch_ended(dict(scores))
    for step in (0, 500, context.total_steps - 1):
        one, other = float(first(step)), float(again(step))
        if one != other or not 0 <= one < math.inf:
            raise Fault(f"step {step} has the factor {one} or {other} after the same scores")
    return "watches scores"


def values(subject: Subject) -> Iterator[float]:
    """Yield factors along the way."""
    factor: Factor = subject.build(CONTEXTS[0])
    yield from (float(factor(step)) for step in range(0, 1000, 111))


SUITE = Suite(
    (
        a_finite_factor_at_every_step,
        a_factor_and_not_a_rate,
        the_step_alone_decides,
        the_scores_told_decide_the_rest,
    ),
    prepare,
    values,
)
