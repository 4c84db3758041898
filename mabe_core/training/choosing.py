"""Chooses how the steps of a training are executed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch

from mabe_core.experiment import Experiment
from mabe_core.training.captured_step import CapturedStep
from mabe_core.training.inputs import TrainingData
from mabe_core.training.parts import Parts
from mabe_core.training.precision import Precision
from mabe_core.training.processes import ALONE, Processes
from mabe_core.training.step import PlainStep, Step

DRAWN_AGAIN = (
    "activation_checkpointing draws the model's random numbers, as of dropout, again in the backward pass, "
    "and a captured step cannot go back in them: steps are plain. Without dropout they are captured"
)


def choose_step(
    experiment: Experiment,
    parts: Parts,
    data: TrainingData,
    precision: Precision,
    device: torch.device,
    tell: Callable[[str], None],
    processes: Processes = ALONE,
) -> Step:
    """Return a captured step on a CUDA device, and a plain one elsewhere or where `step` asks for it.

    Plain too where activations are computed again and random numbers with them. A model that does not run
    with weights in the arithmetic's format keeps them, and torch casts.
    """
    plain = experiment.step == "plain" or device.type != "cuda"
    if experiment.activation_checkpointing:
        # here, since torch's module for it imports the compiler
        from mabe_core.training.recomputing import recompute

        draws = recompute(parts, data, tell)
        if draws and not plain:
            tell(DRAWN_AGAIN)
            plain = True
    if plain:
        grad_clip, accumulate = experiment.training.grad_clip, experiment.accumulate
        return PlainStep(parts, data, grad_clip, precision, device, accumulate, processes)
    # cuDNN's attention is slower than flash attention on windows this short: docs/decisions.md
    torch.backends.cuda.enable_cudnn_sdp(False)
    build = partial(CapturedStep, experiment, parts, data, precision, device, tell=tell, processes=processes)
    lowered = build(lowered=True)
    if not precision.mixed or _runs(lowered, data):
        return lowered
    lowered.weights.undo()
    return build(lowered=False)


def _runs(step: CapturedStep, data: TrainingData) -> bool:
    """Tell whether the model takes inputs, and gives gradients, in the arithmetic's format."""
    starts = data.train_starts[:2].to(step.device)
    buffers = [(buffer, buffer.clone()) for buffer in step.parts.model.buffers()]
    try:
        with torch.random.fork_rng([step.device]):
            inputs, targets = data.feed.peek(starts)
            loss = step.parts.loss(step.forward(inputs), targets)
            torch.autograd.grad(loss, step.weights.parameters, allow_unused=True)
    except RuntimeError:
        return False
    finally:
        for buffer, before in buffers:
            buffer.data.copy_(before)
    return True
