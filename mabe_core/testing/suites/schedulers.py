"""What a scheduler promises: a finite factor for every step, by the step and the scores told alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from mabe_core.errors import UserError
from mabe_core.exchange import ScheduleContext, WatchingSchedule
from mabe_core.testing.findings import Fault, Subject, Suite

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
        factors = [float(factor(step)) for step in range(context.total_steps)]
        for step, value in enumerate(factors):
            if not 0 <= value < math.inf:
                raise Fault(f"of {context.total_steps} steps, step {step} has the factor {value}")
        if not any(factors):
            raise Fault(f"of {context.total_steps} steps all have the factor 0")
    return "; ".join(refused)


def the_step_alone_decides(subject: Subject) -> None:
    """Asked in another order, or twice, it gives the same: a resumed run asks from the middle on."""
    context = CONTEXTS[1]
    factor: Factor = subject.build(context)
    forward = [float(factor(step)) for step in range(context.total_steps)]
    again: Factor = subject.build(context)
    backward = [float(again(step)) for step in reversed(range(context.total_steps))][::-1]
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
    (a_finite_factor_at_every_step, the_step_alone_decides, the_scores_told_decide_the_rest), prepare, values
)
