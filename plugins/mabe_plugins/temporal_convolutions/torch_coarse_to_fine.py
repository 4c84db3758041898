"""The module of `c2f_tcn`; hidden activations are (batch, channels, frames)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from mabe_core import DataShape

if TYPE_CHECKING:
    from mabe_plugins.temporal_convolutions import C2fTcnConfig

# widths of the pools that look at the coarsest frames at once, as in the paper
PYRAMID = (2, 3, 5, 6)


class C2fTcn(nn.Module):
    """Map (batch, frames, inputs) to scores (batch, frames, classes).

    The scores are the logarithms of the mean of the probabilities at each frame rate (of their odds where
    classes do not exclude each other).
    """

    def __init__(self, config: C2fTcnConfig, data: DataShape) -> None:
        super().__init__()
        width = config.channels
        self.enter = Convolutions(config, data.input_dim)
        self.down = nn.ModuleList(Convolutions(config, width) for _ in range(config.depth))
        self.pyramid = nn.ModuleList(nn.Conv1d(width, 1, 1) for _ in PYRAMID)
        self.coarsest = Convolutions(config, width + len(PYRAMID))
        self.up = nn.ModuleList(Convolutions(config, 2 * width) for _ in range(config.depth))
        self.leave = nn.ModuleList(nn.Conv1d(width, data.num_classes, 1) for _ in range(config.depth + 1))
        self.exclusive = data.exclusive

    def forward(self, inputs: Tensor) -> Tensor:
        finer = [self.enter(inputs.transpose(1, 2))]
        for down in self.down:
            finer.append(down(pooled(finer[-1], 2)))
        hidden = finer.pop()
        looks = [
            resampled(look(pooled(hidden, size)), hidden.shape[-1])
            for look, size in zip(self.pyramid, PYRAMID, strict=True)
        ]
        levels = [self.coarsest(torch.cat([hidden, *looks], dim=1))]
        for up in self.up:
            skipped = finer.pop()
            levels.append(up(torch.cat([resampled(levels[-1], skipped.shape[-1]), skipped], dim=1)))
        frames = inputs.shape[1]
        each = [resampled(leave(level), frames) for leave, level in zip(self.leave, levels, strict=True)]
        return self._mean(torch.stack(each)).transpose(1, 2)

    def _mean(self, scores: Tensor) -> Tensor:
        """Return (batch, classes, frames) of scores (levels, batch, classes, frames)."""
        if self.exclusive:
            return scores.log_softmax(2).logsumexp(0) - math.log(len(scores))
        present, absent = functional.logsigmoid(scores), functional.logsigmoid(-scores)
        return present.logsumexp(0) - absent.logsumexp(0)


class Convolutions(nn.Module):
    """Two convolutions, each normalized frame by frame."""

    def __init__(self, config: C2fTcnConfig, inputs: int) -> None:
        super().__init__()
        width = config.channels
        self.first = nn.Conv1d(inputs, width, config.kernel_size, padding="same")
        self.second = nn.Conv1d(width, width, config.kernel_size, padding="same")
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, hidden: Tensor) -> Tensor:
        for convolution, norm in zip((self.first, self.second), self.norms, strict=True):
            hidden = norm(convolution(hidden).transpose(1, 2)).transpose(1, 2).relu()
        dropped: Tensor = self.dropout(hidden)
        return dropped


def pooled(hidden: Tensor, size: int) -> Tensor:
    """Return the maximum of each `size` frames, and of those that are left at the end."""
    return functional.max_pool1d(hidden, size, ceil_mode=True)


def resampled(hidden: Tensor, frames: int) -> Tensor:
    """Return as many frames as asked for, between those given on straight lines.

    As torch's linear interpolation, which has no deterministic backward pass on CUDA; a matrix product has.
    """
    given = hidden.shape[-1]
    if given == frames:
        return hidden
    wanted = torch.arange(frames, device=hidden.device, dtype=hidden.dtype)
    place = ((wanted + 0.5) * (given / frames) - 0.5).clamp(0, given - 1)
    known = torch.arange(given, device=hidden.device, dtype=hidden.dtype)
    return hidden @ (1 - (place - known[:, None]).abs()).clamp(min=0)
