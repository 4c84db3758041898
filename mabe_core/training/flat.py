"""A model's weights as one tensor: its parameters are views of it, or of its copy in a shorter format."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise

import attrs
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from mabe_core.training.precision import Precision

# each parameter begins at a multiple of so many numbers: 16 bytes of 2 each, as fast kernels ask for
ALIGNMENT = 8


@attrs.frozen(eq=False)
class FlatWeights:
    """The trained weights of a model in one tensor.

    master: (weights,), what the optimizer updates. working: what forward and backward read; the same tensor
    where the arithmetic is the weights' own, else its copy in the arithmetic's format.
    parameters: the model's, in the order of names; those before `lowered` are views of working, the others,
    which belong to layers that keep running statistics, of master. places: where each lies.
    originals: float buffers and untrained parameters, which the model has in the arithmetic's format, as they
    were.
    """

    model: nn.Module
    precision: Precision
    names: tuple[str, ...]
    parameters: tuple[nn.Parameter, ...]
    places: tuple[slice, ...]
    lowered: int
    master: Tensor
    working: Tensor
    originals: dict[str, Tensor]

    @classmethod
    def of(cls, model: nn.Module, precision: Precision, names: Sequence[str]) -> FlatWeights:
        """Move the named parameters of a model into one tensor, and the rest to the arithmetic's format."""
        named = dict(model.named_parameters())
        exact = _exact(model)
        low = [name for name in names if name not in exact]
        ordered = [*low, *(name for name in names if name in exact)]
        parameters = [named[name] for name in ordered]
        sizes = [-(-parameter.numel() // ALIGNMENT) * ALIGNMENT for parameter in parameters]
        edges = list(accumulate(sizes, initial=0))
        places = tuple(
            slice(first, first + parameter.numel())
            for (first, _), parameter in zip(pairwise(edges), parameters, strict=True)
        )
        master = parameters[0].new_zeros(edges[-1], dtype=precision.weights)
        for parameter, place in zip(parameters, places, strict=True):
            master[place] = parameter.detach().flatten()
        working = master.to(precision.arithmetic) if precision.mixed else master
        for number, (parameter, place) in enumerate(zip(parameters, places, strict=True)):
            home = working if number < len(low) else master
            parameter.data = home[place].view(parameter.shape)
        originals = _lower_the_rest(model, precision, set(ordered) | exact)
        return cls(
            model, precision, tuple(ordered), tuple(parameters), places, len(low), master, working, originals
        )

    def forward(self) -> Callable[[Tensor], Tensor]:
        """Return the model as a function of inputs and of scores in the weights' format."""
        if not self.precision.mixed:
            return self.model

        def forward(inputs: Tensor) -> Tensor:
            scores: Tensor = self.model(inputs.to(self.precision.arithmetic))
            return scores.to(self.precision.weights)

        return forward

    def views(self, flat: Tensor) -> list[Tensor]:
        """Return the parts of a tensor like master, in the shapes of the parameters."""
        return [
            flat[place].view(parameter.shape)
            for parameter, place in zip(self.parameters, self.places, strict=True)
        ]

    def gradients(self, loss: Tensor) -> list[Tensor]:
        """Return the gradient of each weight, joined by format; 0 for what the loss does not reach."""
        taken = torch.autograd.grad(loss, self.parameters, allow_unused=True, materialize_grads=True)
        halves = (taken[: self.lowered], taken[self.lowered :])
        return [torch.cat(_padded(half)) for half in halves if half]

    def place(self, gradients: Sequence[Tensor], into: Tensor) -> None:
        """Write what `gradients` returned into a tensor like master."""
        first = 0
        for joined in gradients:
            into[first : first + len(joined)].copy_(joined)
            first += len(joined)

    def synchronize(self) -> None:
        """Let the copy in the shorter format say what master says."""
        if self.working is not self.master:
            self.working.copy_(self.master)

    def state(self) -> dict[str, Tensor]:
        """Return the model's state as if it had never been moved: every tensor in the weights' format."""
        state = dict(self.model.state_dict())
        for name, original in self.originals.items():
            now = state[name]
            # what the model itself has changed since is told as it is now
            state[name] = original if torch.equal(now, original.to(now.dtype)) else now.to(original.dtype)
        return state | dict(zip(self.names, self.views(self.master), strict=True))

    @torch.no_grad()
    def load(self, state: dict[str, Tensor]) -> None:
        """Take over a state, in place."""
        own = self.model.state_dict()
        for name, tensor in state.items():
            if name in self.originals:
                self.originals[name].copy_(tensor)
            own[name].copy_(tensor)
        for name, view in zip(self.names, self.views(self.master), strict=True):
            view.copy_(state[name])
        self.synchronize()

    def undo(self) -> None:
        """Give the model back as it was, in the weights' format."""
        tensors = dict(self.model.named_parameters()) | dict(self.model.named_buffers())
        for name, value in self.state().items():
            if name in tensors:
                tensors[name].data = value.clone()


def _exact(model: nn.Module) -> set[str]:
    """Return the names of what belongs to layers with running statistics, which a short format would lose."""
    return {
        f"{path}.{name}" if path else name
        for path, module in model.named_modules()
        if isinstance(module, _NormBase)
        for name, _ in (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False))
    }


def _lower_the_rest(model: nn.Module, precision: Precision, done: set[str]) -> dict[str, Tensor]:
    if not precision.mixed:
        return {}
    saved = set(model.state_dict())
    originals = {}
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if name in done or not tensor.is_floating_point():
            continue
        if name in saved:
            originals[name] = tensor.detach().clone()
        lowered = tensor.detach().to(precision.arithmetic)
        if isinstance(tensor, nn.Parameter):
            tensor.data = lowered
        else:  # a new tensor: one that was a view of another format would still say so
            owner, _, own = name.rpartition(".")
            setattr(model.get_submodule(owner), own, lowered)
    return originals


def _padded(tensors: Sequence[Tensor]) -> list[Tensor]:
    padded = []
    for tensor in tensors:
        padded.append(tensor.reshape(-1))
        if missing := -tensor.numel() % ALIGNMENT:
            padded.append(tensor.new_zeros(missing))
    return padded
