"""Checks that hold for everything that is a torch module: models and positional encodings."""

from __future__ import annotations

import random
from collections.abc import Callable

import attrs
import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn

from mabe_core.errors import UserError
from mabe_core.testing.findings import Doubt, Fault, NotAsked
from mabe_core.testing.samples import noise


@attrs.frozen(eq=False)
class ModuleCase:
    """A module at one shape of data.

    words: the shape. make: builds it. inputs: made-up inputs, given the batch's size, number format and a
    seed. run: maps them to an output, whose last dimensions are `expects` of the batch's size. elsewhere: the
    same at other shapes.
    """

    words: str
    make: Callable[[], nn.Module]
    inputs: Callable[[int, torch.dtype, int], Tensor]
    run: Callable[[nn.Module, Tensor], Tensor]
    expects: Callable[[int], tuple[int, ...]]
    elsewhere: tuple[ModuleCase, ...] = ()

    def built(self, seed: int = 0) -> nn.Module:
        """Build it with weights drawn from a seed."""
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            module = self.make()
        if not isinstance(module, nn.Module):
            raise Fault(f"build returned {type(module).__name__}, not a torch module")
        return module

    def check_shape(self, output: Tensor, batch: int) -> None:
        """Raise Fault where an output has not the shape that is promised for a batch of that size."""
        found, wanted = tuple(output.shape), self.expects(batch)
        if found[-len(wanted) :] != wanted or len(found) > len(wanted) + 1:
            raise Fault(f"at {self.words}, and a batch of {batch}, it gives {found}, not {wanted}")

    def scored(self, module: nn.Module, batch: int = 3, seed: int = 0) -> Tensor:
        """Return the module's output in evaluation."""
        module.eval()
        with torch.no_grad():
            return self.run(module, self.inputs(batch, torch.float32, seed))


def output_at_several_shapes(case: ModuleCase) -> str | None:
    """It is built for several shapes, and maps finite float32 to finite float32 of the shape promised.

    A shape that it cannot be built for is refused with a UserError.
    """
    refused = []
    for each in (case, *case.elsewhere):
        try:
            module = each.built()
        except UserError as error:
            if each is case:
                raise
            refused.append(f"refuses {each.words}: {error}")
            continue
        output = each.scored(module, batch=3)
        each.check_shape(output, 3)
        if output.dtype != torch.float32:
            raise Fault(f"at {each.words} it gives {output.dtype} for float32")
        if not output.isfinite().all():
            raise Fault(f"at {each.words} it gives numbers that are not finite, for inputs that are")
    return "; ".join(refused)


def gradients_reach_every_parameter(case: ModuleCase) -> str | None:
    """Train three steps, since a layer that begins with zeros hides those before it in the first."""
    module = case.built().train()
    wanted = {name: weight for name, weight in module.named_parameters() if weight.requires_grad}
    if not wanted:
        frozen = any(True for _ in module.parameters())
        raise NotAsked("none of its parameters is trained" if frozen else "it has no parameters")
    unreached = dict.fromkeys(wanted)
    optimizer = torch.optim.Adam(wanted.values(), lr=1e-3)
    for step in range(3):
        scores = case.run(module, case.inputs(4, torch.float32, step))
        optimizer.zero_grad()
        (scores * noise(*scores.shape, seed=step)).sum().backward()  # type: ignore[no-untyped-call]
        for name, weight in wanted.items():
            if weight.grad is not None and not weight.grad.isfinite().all():
                raise Fault(f"the gradient of {name} is not finite")
            if weight.grad is not None and weight.grad.any():
                unreached.pop(name, None)
        optimizer.step()
    if unreached:
        names = list(unreached)
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        raise Fault(f"no gradient reaches {', '.join(names[:5])}{more}: forward does not use it")
    return f"{len(wanted)} parameters"


def _repeats(case: ModuleCase, module: nn.Module) -> bool:
    return torch.equal(case.scored(module), case.scored(module))


def _steady(case: ModuleCase) -> nn.Module:
    """Return it built, for checks that compare outputs."""
    module = case.built()
    if not _repeats(case, module):
        raise NotAsked("its output in evaluation is another each time")
    return module


def evaluation_repeats(case: ModuleCase) -> None:
    """The same input gives the same output in evaluation: dropout is off."""
    module = case.built()
    if not _repeats(case, module):
        raise Fault(
            "in evaluation, the same input gives another output each time: is dropout told `training`?"
        )


def each_window_by_itself(case: ModuleCase) -> None:
    """A window's output does not depend on what else is in the batch."""
    module = _steady(case).eval()
    inputs = case.inputs(3, torch.float32, 0)
    with torch.no_grad():
        together, alone = case.run(module, inputs), case.run(module, inputs[1:2])
    if alone.dim() != together.dim():
        raise NotAsked("a batch of one gives another shape")
    batch = together.dim() - len(case.expects(3))
    if not torch.allclose(together.select(batch, 1), alone.select(batch, 0), rtol=1e-3, atol=1e-4):
        raise Fault("a window's output changes with the others in the batch: is frames taken for batch?")


def each_window_by_itself_in_training(case: ModuleCase) -> str:
    """In training too, unless a layer of torch's normalizes over the batch."""
    inputs = case.inputs(3, torch.float32, 0)
    changed = torch.cat([case.inputs(1, torch.float32, 1), inputs[1:]])
    module = case.built()
    if any(isinstance(layer, nn.modules.batchnorm._BatchNorm) for layer in module.modules()):
        return "it normalizes over the batch"
    outputs = [_trained_on(case, each, numpy_seed=0) for each in (inputs, changed)]
    batch = outputs[0].dim() - len(case.expects(3))
    one, other = (output.narrow(batch, 1, 2) for output in outputs)
    if not torch.allclose(one, other, rtol=1e-3, atol=1e-4):
        raise Doubt("in training, a window's output changes with the others in the batch")
    return ""


def chance_in_training(case: ModuleCase) -> None:
    """What is drawn in training is drawn from torch's generator, not from NumPy's or Python's."""
    inputs = case.inputs(3, torch.float32, 0)
    one, other = (_trained_on(case, inputs, numpy_seed=seed) for seed in (0, 1))
    if not torch.allclose(one, other, rtol=1e-3, atol=1e-4):
        raise Fault("in training it draws from another generator than torch's, which a captured step repeats")


def _trained_on(case: ModuleCase, inputs: Tensor, numpy_seed: int) -> Tensor:
    """Return what a new instance gives in training, by one seed of torch's generator."""
    states = random.getstate(), np.random.get_state()
    random.seed(numpy_seed)
    np.random.seed(numpy_seed)
    try:
        with torch.random.fork_rng(), torch.no_grad():
            module = case.built().train()
            torch.manual_seed(0)
            return case.run(module, inputs)
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])


def its_input_is_left_as_it_was(case: ModuleCase) -> None:
    """Nothing is written into the inputs that it is given, in evaluation or training."""
    for module in (case.built().eval(), case.built().train()):
        inputs = case.inputs(3, torch.float32, 0)
        with torch.no_grad():
            case.run(module, inputs)
        if not torch.equal(inputs, case.inputs(3, torch.float32, 0)):
            raise Fault("it writes into the inputs that it is given: work on a copy")


def batch_of_one(case: ModuleCase) -> None:
    """A batch of one window can be trained on: the last of an epoch may be that small."""
    module = case.built().train()
    output = case.run(module, case.inputs(1, torch.float32, 0))
    case.check_shape(output, 1)
    if output.requires_grad:
        output.sum().backward()  # type: ignore[no-untyped-call]


def float64(case: ModuleCase) -> None:
    """It computes in float64 where an experiment asks for it (`precision: float64`)."""
    module = case.built().double().eval()
    output = case.run(module, case.inputs(2, torch.float64, 0))
    if output.dtype != torch.float64:
        raise Fault(f"float64 inputs give {output.dtype}: a tensor in forward has a number format of its own")


def same_seed_same_weights(case: ModuleCase) -> None:
    """Built twice from one seed, it has the same weights."""
    first, second = case.built(seed=5).state_dict(), case.built(seed=5).state_dict()
    different = [name for name, tensor in first.items() if not torch.equal(tensor, second[name])]
    if different:
        raise Fault(f"built twice from one seed, {different[0]} differs: draw from torch's generator")


def the_seed_is_the_experiments(case: ModuleCase) -> None:
    """It does not seed torch's generator itself, which would give every seed of a study the same weights."""
    after = []
    for seed in (5, 6):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            case.make()
            after.append(torch.get_rng_state())
    if torch.equal(*after):
        raise Fault(
            "build seeds torch's generator itself, so the experiment's seed decides nothing: leave it"
        )


def save_and_reload(case: ModuleCase) -> None:
    """Weights written as a checkpoint holds them, and read by another instance, give the same output."""
    module = _steady(case).train()
    for seed in range(2):  # so that buffers that training changes differ from those of a new instance
        case.run(module, case.inputs(4, torch.float32, seed))
    state = module.state_dict()
    for name, value in state.items():
        if not isinstance(value, Tensor):
            raise Fault(f"state_dict holds {name}, a {type(value).__name__}: a checkpoint holds tensors")
    stored = safetensors.torch.save({name: value.clone().contiguous() for name, value in state.items()})
    other = case.built(seed=9)
    other.load_state_dict(safetensors.torch.load(stored))
    if not torch.equal(case.scored(module), case.scored(other)):
        raise Fault("reloaded from its state_dict it gives another output: something is kept outside of it")


CHECKS = (
    output_at_several_shapes,
    gradients_reach_every_parameter,
    evaluation_repeats,
    its_input_is_left_as_it_was,
    each_window_by_itself,
    each_window_by_itself_in_training,
    chance_in_training,
    batch_of_one,
    float64,
    same_seed_same_weights,
    the_seed_is_the_experiments,
    save_and_reload,
)
