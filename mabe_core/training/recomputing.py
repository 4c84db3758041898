"""`activation_checkpointing`: blocks of a model whose activations are computed again rather than kept.

Chen et al. (2016), "Training Deep Nets with Sublinear Memory Cost": only what goes into a block is kept for
the backward pass.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.utils.checkpoint import checkpoint

from mabe_core.training.inputs import TrainingData
from mabe_core.training.parts import Parts

# what holds blocks and is not called itself
LISTS = (nn.ModuleList, nn.ModuleDict)


def recompute(parts: Parts, data: TrainingData, tell: Callable[[str], None]) -> bool:
    """Let a model compute the activations of its blocks again in each backward pass.

    Names of parameters stay as they are. Returns whether random numbers, such as of dropout, are drawn in a
    training step's forward; they are drawn alike the second time. tell: is told where there is nothing to do.
    """
    found = blocks(parts.model)
    kept = [block for block in found if _keeps_statistics(block)]
    if kept:
        tell(
            f"activation_checkpointing leaves out {len(kept)} of {len(found)} blocks: they keep running "
            "statistics, which a second forward would change again"
        )
    elif not found:
        tell(
            "activation_checkpointing changes nothing: the model has no blocks in a ModuleList or Sequential"
        )
    draws = _draws(parts, data)
    for block in found:
        if block not in kept:
            block.forward = _again(block.forward, preserve=draws)
    return draws


def blocks(model: nn.Module) -> list[nn.Module]:
    """Return the entries of the outermost lists of a model, each once.

    An entry is what keeps more than its input: one made of other modules, or a recurrent layer. A linear or a
    convolution keeps its input alone, which it would keep here too.
    """
    return list(dict.fromkeys(_blocks(model, listed=False)))


def _blocks(module: nn.Module, *, listed: bool) -> list[nn.Module]:
    children = list(module.children())
    if listed and not isinstance(module, LISTS) and (children or isinstance(module, nn.RNNBase)):
        return [module]
    holds = isinstance(module, (*LISTS, nn.Sequential))
    return [block for child in children for block in _blocks(child, listed=holds)]


def _again(forward: Callable[..., Any], *, preserve: bool) -> Callable[..., Any]:
    def recomputed(*words: Any, **named: Any) -> Any:
        if not torch.is_grad_enabled():
            return forward(*words, **named)
        return checkpoint(forward, *words, use_reentrant=False, preserve_rng_state=preserve, **named)

    return recomputed


def _keeps_statistics(block: nn.Module) -> bool:
    return any(isinstance(module, _NormBase) and module.track_running_stats for module in block.modules())


def _draws(parts: Parts, data: TrainingData) -> bool:
    """Tell whether a training step's forward draws random numbers of torch's; tried on two windows."""
    device = data.validation_starts.device
    buffers = [(buffer, buffer.clone()) for buffer in parts.model.buffers()]
    on_gpu = [device] if device.type == "cuda" else []
    was_training = parts.model.training
    with torch.random.fork_rng(on_gpu), torch.no_grad():
        inputs, _ = data.feed.peek(data.train_starts[:2].to(device))  # which augmentations may change
        before = _random_states(on_gpu)
        parts.model.train()(inputs)
        after = _random_states(on_gpu)
        for buffer, value in buffers:
            buffer.copy_(value)
    parts.model.train(was_training)
    return any(not torch.equal(one, other) for one, other in zip(before, after, strict=True))


def _random_states(devices: list[torch.device]) -> list[Tensor]:
    return [torch.get_rng_state(), *(torch.cuda.get_rng_state(device) for device in devices)]
