"""The module of `conv1d_bilstm`; hidden activations are (batch, frames, channels)."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from torch import Tensor, nn

from mabe_core import DataShape

if TYPE_CHECKING:
    from mabe_plugins.conv1d_bilstm import Conv1dBiLstmConfig


class Conv1dBiLstm(nn.Module):
    """Map (batch, frames, inputs) to scores (batch, frames, classes)."""

    def __init__(self, config: Conv1dBiLstmConfig, data: DataShape) -> None:
        super().__init__()
        widths = [data.input_dim] + [config.channels] * config.conv_layers
        self.convolutions = nn.ModuleList(
            nn.Conv1d(before, after, config.kernel_size, padding="same") for before, after in pairwise(widths)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for width in widths[1:])
        widths = [config.channels] + [2 * config.hidden_dim] * (config.lstm_layers - 1)
        # one by one: cuDNN keeps its own random state for the dropout between the layers of one LSTM, which
        # neither a checkpoint nor a CUDA graph would hold
        self.lstms = nn.ModuleList(
            nn.LSTM(width, config.hidden_dim, batch_first=True, bidirectional=True) for width in widths
        )
        self.dropout = nn.Dropout(config.dropout)
        self.fc = nn.Linear(2 * config.hidden_dim, data.num_classes)

    def forward(self, inputs: Tensor) -> Tensor:
        hidden = inputs
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            hidden = norm(convolution(hidden.transpose(1, 2)).transpose(1, 2)).relu()
        for lstm in self.lstms:
            hidden, _ = lstm(self.dropout(hidden))
        scores: Tensor = self.fc(self.dropout(hidden))
        return scores
