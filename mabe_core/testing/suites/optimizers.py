"""What an optimizer promises: it lowers a quadratic, obeys its learning rate, and can be resumed."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any, cast

import attrs
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from mabe_core.specs import OptimizerSpec
from mabe_core.testing.findings import Doubt, Fault, NotAsked, Subject, Suite
from mabe_core.testing.samples import noise
from mabe_core.training.parts import Parts, Schedule
from mabe_core.training.precision import FLOAT32
from mabe_core.training.state import Progress, capture, restore
from mabe_core.training.step import PlainStep

STEPS = 20


@attrs.frozen(eq=False)
class Problem:
    """A small module whose weights are to become `wanted`, and the optimizer that moves them."""

    module: nn.Module
    wanted: list[Tensor]
    optimizer: Optimizer

    def loss(self) -> Tensor:
        """Return the squared distance to the wanted weights."""
        pairs = zip(self.module.parameters(), self.wanted, strict=True)
        return torch.stack([(weight - wanted).square().sum() for weight, wanted in pairs]).sum()

    def step(self, times: int = 1) -> None:
        """Take steps."""
        for _ in range(times):
            self.optimizer.zero_grad()
            self.loss().backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()

    def weights(self) -> Tensor:
        """Return all weights as one vector; a copy."""
        return torch.cat([weight.detach().flatten().clone() for weight in self.module.parameters()])


def problem(subject: Subject) -> Problem:
    """Return the problem as it begins: a matrix, a vector, and a matrix again."""
    module = nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 8, bias=False))
    for number, weight in enumerate(module.parameters()):
        weight.data.copy_(noise(*weight.shape, seed=number))
    wanted = [noise(*weight.shape, seed=7 + number) for number, weight in enumerate(module.parameters())]
    optimizer = subject.build(list(module.named_parameters()))
    if not isinstance(optimizer, Optimizer):
        raise Fault(f"build returned {type(optimizer).__name__}, not a torch optimizer")
    return Problem(module, wanted, optimizer)


def prepare(subject: Subject) -> Subject:
    """See that it can be built; each check begins with a new one."""
    problem(subject)
    return subject


def every_parameter_once(subject: Subject) -> None:
    """Its groups hold each parameter that it was given, once, and a learning rate."""
    made = problem(subject)
    held = [id(parameter) for group in made.optimizer.param_groups for parameter in group["params"]]
    given = [id(parameter) for parameter in made.module.parameters()]
    if sorted(held) != sorted(given):
        raise Fault(f"its groups hold {len(held)} parameters of the {len(given)} given, or others")
    for group in made.optimizer.param_groups:
        if not isinstance(group.get("lr"), float | int):
            raise Fault("a group has no learning rate `lr`, which schedulers scale")


def it_lowers_a_quadratic(subject: Subject) -> str:
    """Steps down a bowl end lower than they began."""
    made = problem(subject)
    before = made.loss().item()
    made.step(STEPS)
    after = made.loss().item()
    if not after < before:
        raise Fault(f"{STEPS} steps down a quadratic lead from {before:.4g} to {after:.4g}")
    return f"{before:.4g} to {after:.4g} in {STEPS} steps"


def every_parameter_moves(subject: Subject) -> None:
    """In some steps each tensor changes, matrices and vectors alike."""
    made = problem(subject)
    before = {name: weight.detach().clone() for name, weight in made.module.named_parameters()}
    made.step(3)
    still = [name for name, weight in made.module.named_parameters() if torch.equal(weight, before[name])]
    if still:
        raise Fault(f"3 steps leave {', '.join(still)} as it was, though a gradient reaches it")


def its_learning_rate_is_the_configs(subject: Subject) -> None:
    """Half the config's `learning_rate` leads to other weights."""
    config = subject.component.config
    rate = getattr(config, "learning_rate", None)
    if not isinstance(rate, float) or not rate:
        raise NotAsked("its config has no `learning_rate`")
    component = attrs.evolve(subject.component, config=attrs.evolve(config, learning_rate=rate / 2))
    usual, half = problem(subject), problem(attrs.evolve(subject, component=component))
    usual.step(3)
    half.step(3)
    if torch.equal(usual.weights(), half.weights()):
        raise Fault("half the `learning_rate` leads to the same weights: give it to the optimizer as `lr`")


def gradients_are_left_as_they_were(subject: Subject) -> None:
    """Nothing is written into the gradients."""
    made = problem(subject)
    made.loss().backward()  # type: ignore[no-untyped-call]
    before = [weight.grad.clone() for weight in made.module.parameters() if weight.grad is not None]
    made.optimizer.step()
    after = [weight.grad for weight in made.module.parameters()]
    if not all(each is not None and torch.equal(each, was) for each, was in zip(after, before, strict=True)):
        raise Doubt("it writes into the gradients, which others may read after the step: work on a copy")


def a_rate_of_0_moves_nothing(subject: Subject) -> None:
    """It reads each group's `lr` at each step, which is how a scheduler acts."""
    made = problem(subject)
    made.step()
    before = made.weights()
    for group in made.optimizer.param_groups:
        group["lr"] = 0.0
    made.step()
    if not torch.equal(made.weights(), before):
        raise Fault("weights move though `lr` of every group is 0: a scheduler would have no effect")


def elementwise_where_it_says_so(subject: Subject) -> None:
    """Said to be elementwise, it moves all weights as one tensor as it moves each tensor by itself."""
    if not cast("OptimizerSpec[object]", subject.spec).elementwise:
        raise NotAsked("its spec does not say `elementwise`")
    apart = problem(subject)
    flat = nn.Parameter(apart.weights())
    wanted = torch.cat([each.flatten() for each in apart.wanted])
    together = Problem(nn.ParameterList([flat]), [wanted], subject.build([("weights", flat)]))
    apart.step(3)
    together.step(3)
    if not torch.allclose(together.weights(), apart.weights(), rtol=1e-4, atol=1e-6):
        raise Fault(
            "built over all weights as one tensor, as a GPU's captured step does, it leads elsewhere than "
            "over each by itself: leave `elementwise` out of its spec"
        )


def it_resumes_from_a_checkpoint(subject: Subject) -> None:
    """Written as a checkpoint and restored in another instance, it goes on to the same weights."""
    made, other = problem(subject), problem(subject)
    made.step(3)
    progress = Progress(3, torch.zeros((), dtype=torch.float64))
    taken = capture(_step(made), progress)
    try:
        state = json.loads(json.dumps(taken.state))
    except TypeError as error:
        raise Fault(f"its state_dict holds what a checkpoint cannot: {error}") from error
    restore(_step(other), progress, attrs.evolve(copy.deepcopy(taken), state=state))
    made.step(3)
    other.step(3)
    if not torch.equal(made.weights(), other.weights()):
        raise Fault("restored from a checkpoint it goes on to other weights: state_dict leaves something out")


def _step(made: Problem) -> PlainStep:
    """Return what a checkpoint is taken of."""
    parts = Parts(made.module, _no_loss, made.optimizer, _no_factor, (), frozenset(), Schedule(1, 6, 1))
    no_data: Any = None
    return PlainStep(parts, no_data, None, FLOAT32, torch.device("cpu"))


def _no_loss(scores: Tensor, targets: Tensor) -> Tensor:
    raise AssertionError("nothing is scored here")


def _no_factor(step: int) -> float:
    raise AssertionError("nothing is scheduled here")


def values(subject: Subject) -> Iterator[Tensor]:
    """Yield the weights after some steps."""
    made = problem(subject)
    made.step(5)
    yield made.weights()


SUITE = Suite(
    (
        every_parameter_once,
        it_lowers_a_quadratic,
        every_parameter_moves,
        its_learning_rate_is_the_configs,
        gradients_are_left_as_they_were,
        a_rate_of_0_moves_nothing,
        elementwise_where_it_says_so,
        it_resumes_from_a_checkpoint,
    ),
    prepare,
    values,
)
