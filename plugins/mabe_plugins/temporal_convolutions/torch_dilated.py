"""The modules of `tcn` and `ms_tcn`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from mabe_core import DataShape

if TYPE_CHECKING:
    from mabe_plugins.temporal_convolutions import MsTcnConfig, TcnConfig


class Tcn(nn.Module):
    """Map (batch, frames, inputs) to scores (batch, frames, classes)."""

    def __init__(self, config: TcnConfig, data: DataShape) -> None:
        super().__init__()
        self.stage = Stage(config, data.input_dim, data.num_classes)

    def forward(self, inputs: Tensor) -> Tensor:
        scores: Tensor = self.stage(inputs.transpose(1, 2)).transpose(1, 2)
        return scores


class MsTcn(nn.Module):
    """Map (batch, frames, inputs) to scores of each stage, (stages, batch, frames, classes)."""

    def __init__(self, config: MsTcnConfig, data: DataShape) -> None:
        super().__init__()
        widths = [data.input_dim] + [data.num_classes] * (config.num_stages - 1)
        self.stages = nn.ModuleList(Stage(config, width, data.num_classes) for width in widths)
        self.exclusive = data.exclusive

    def forward(self, inputs: Tensor) -> Tensor:
        first, *others = self.stages
        scores = [first(inputs.transpose(1, 2))]
        for stage in others:
            before = scores[-1].softmax(1) if self.exclusive else scores[-1].sigmoid()
            scores.append(stage(before))
        return torch.stack(scores).transpose(-1, -2)


class Stage(nn.Module):
    """Map (batch, inputs, frames) to scores (batch, classes, frames) by layers of growing dilation."""

    def __init__(self, config: TcnConfig | MsTcnConfig, inputs: int, classes: int) -> None:
        super().__init__()
        self.enter = nn.Conv1d(inputs, config.channels, 1)
        self.layers = nn.Sequential(*(Layer(config, 2**number) for number in range(config.num_layers)))
        self.leave = nn.Conv1d(config.channels, classes, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        scores: Tensor = self.leave(self.layers(self.enter(inputs)))
        return scores


class Layer(nn.Module):
    """One dilated convolution and what it adds to its input, (batch, channels, frames)."""

    def __init__(self, config: TcnConfig | MsTcnConfig, dilation: int) -> None:
        super().__init__()
        width = config.channels
        self.convolution = nn.Conv1d(width, width, config.kernel_size, padding="same", dilation=dilation)
        self.mix = nn.Conv1d(width, width, 1)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, hidden: Tensor) -> Tensor:
        changed: Tensor = hidden + self.dropout(self.mix(self.convolution(hidden).relu()))
        return changed
