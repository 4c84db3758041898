"""What to do where a GPU's memory is not enough: the batch size that fits is tried and told."""

from __future__ import annotations

import torch

from mabe_core.errors import Problem, UserError
from mabe_core.training.inputs import TrainingData
from mabe_core.training.step import Step


def out_of_memory(step: Step, data: TrainingData, told: str) -> UserError:
    """Return the error for a step that did not fit; told: torch's own words.

    To be called where nothing holds the step's tensors any more, so outside of the handler of its error.
    """
    size = step.parts.schedule.batch_size
    fits = next((each for each in _smaller(size) if _fits(step, data, each)), None)
    shape = data.shape
    if fits:
        remedy = f"{fits} fit, tried with all else as it is: training.batch_size={fits}"
    else:
        remedy = "not even one fits: take a smaller model, or a smaller data.sequence_length"
    return UserError(
        Problem(
            f"the GPU's memory is not enough for {size} windows of {shape.sequence_length} frames a step. "
            f"{remedy}, which makes another experiment. {told}",
            path="training.batch_size",
        )
    )


def first_line(error: BaseException) -> str:
    """Return what torch says first: how much it wanted, how much there is."""
    sentences = str(error).strip().partition("\n")[0].split(". ")
    return f"torch says: {'. '.join(sentences[:3])}"


def _smaller(size: int) -> list[int]:
    halves = [size >> shift for shift in range(1, size.bit_length())]
    return [each for each in halves if each]


def _fits(step: Step, data: TrainingData, size: int) -> bool:
    """Tell whether so many windows go forward and backward, beside weights and optimizer as they are."""
    parameters = [each for each in step.parts.model.parameters() if each.requires_grad]
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    starts = data.train_starts[torch.arange(size) % len(data.train_starts)]
    try:
        inputs, targets = data.feed.peek(starts.to(data.validation_starts.device))
        loss = step.parts.loss(step.forward(inputs), targets)
        torch.autograd.grad(loss, parameters, allow_unused=True)
    except torch.OutOfMemoryError:
        return False
    return True
