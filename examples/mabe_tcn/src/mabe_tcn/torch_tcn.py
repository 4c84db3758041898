"""The temporal convolution's module; imported when it is built."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

if TYPE_CHECKING:
    from mabe_core import DataShape
    from mabe_tcn import TcnConfig


class Tcn(nn.Module):
    """Maps (batch, frames, inputs) to scores (batch, frames, classes)."""

    def __init__(self, config: TcnConfig, data: DataShape) -> None:
        super().__init__()
        self.enter = nn.Conv1d(data.input_dim, config.channels, 1)
        self.layers = nn.ModuleList(Layer(config, 2**number) for number in range(config.num_layers))
        self.leave = nn.Conv1d(config.channels, data.num_classes, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        hidden = self.enter(inputs.transpose(1, 2))
        for layer in self.layers:
            hidden = layer(hidden)
        scores: Tensor = self.leave(hidden).transpose(1, 2)
        return scores


class Layer(nn.Module):
    """One dilated convolution and what it adds to its input, (batch, channels, frames)."""

    def __init__(self, config: TcnConfig, dilation: int) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(
            config.channels, config.channels, config.kernel_size, padding="same", dilation=dilation
        )
        self.mix = nn.Conv1d(config.channels, config.channels, 1)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, hidden: Tensor) -> Tensor:
        changed: Tensor = hidden + self.dropout(self.mix(self.convolution(hidden).relu()))
        return changed
