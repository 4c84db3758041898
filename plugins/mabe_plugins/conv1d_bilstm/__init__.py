"""Model `conv1d_bilstm`: convolutions over a few frames, then a recurrent network both ways."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from mabe_core import DataShape, ModelSpec, hookimpl
from mabe_plugins.fields import count, dropout, kernel_size

if TYPE_CHECKING:
    from torch import nn


@attrs.frozen(kw_only=True)
class Conv1dBiLstmConfig:
    """Convolutions over time, then LSTMs forwards and backwards, one score a class for each frame.

    F. J. Ordóñez, D. Roggen (2016), "Deep Convolutional and LSTM Recurrent Neural Networks for Multimodal
    Wearable Activity Recognition", Sensors 16(1); both ways as in A. Graves, J. Schmidhuber (2005),
    "Framewise phoneme classification with bidirectional LSTM and other neural network architectures",
    Neural Networks 18. Frames are normalized one by one (Ba et al. 2016).
    """

    channels: int = count(128, "width of each convolution")
    conv_layers: int = count(2, "convolutions, one on another")
    kernel_size: int = kernel_size(5)
    hidden_dim: int = count(128, "width of each direction of an LSTM")
    lstm_layers: int = count(2, "bidirectional LSTMs, one on another")
    dropout: float = dropout(0.3)


def build(config: Conv1dBiLstmConfig, data: DataShape) -> nn.Module:
    """Build the module; see torch_model.py."""
    from mabe_plugins.conv1d_bilstm.torch_model import Conv1dBiLstm

    return Conv1dBiLstm(config, data)


@hookimpl
def mabe_models() -> list[ModelSpec[Conv1dBiLstmConfig]]:
    return [ModelSpec(name="conv1d_bilstm", config=Conv1dBiLstmConfig, build=build)]
