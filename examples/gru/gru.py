"""Model `gru`, a plugin in one file: run it with `mabe-run gru.yaml`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
from attrs.validators import ge, gt, lt

from mabe_core import DataShape, ModelSpec, hookimpl

if TYPE_CHECKING:
    from torch import nn


@attrs.frozen(kw_only=True)
class GruConfig:
    """Bidirectional GRU (Cho et al. 2014) over the frames of a window."""

    hidden_dim: int = attrs.field(default=64, validator=gt(0), metadata={"help": "width of each direction"})
    num_layers: int = attrs.field(default=1, validator=gt(0), metadata={"help": "GRUs, one on another"})
    dropout: float = attrs.field(
        default=0.0, validator=[ge(0.0), lt(1.0)], metadata={"help": "share of the GRUs' outputs dropped"}
    )


def build(config: GruConfig, data: DataShape) -> nn.Module:
    """Build the module; torch is imported here, so that `mabe list` stays quick."""
    from torch import Tensor, nn

    class Gru(nn.Module):
        """Maps (batch, frames, inputs) to scores (batch, frames, classes)."""

        def __init__(self) -> None:
            super().__init__()
            self.gru = nn.GRU(
                data.input_dim,
                config.hidden_dim,
                config.num_layers,
                batch_first=True,
                # torch drops between GRUs only, and warns where there is one
                dropout=config.dropout if config.num_layers > 1 else 0.0,
                bidirectional=True,
            )
            self.dropout = nn.Dropout(config.dropout)
            self.fc = nn.Linear(2 * config.hidden_dim, data.num_classes)

        def forward(self, inputs: Tensor) -> Tensor:
            hidden, _ = self.gru(inputs)
            scores: Tensor = self.fc(self.dropout(hidden))
            return scores

    return Gru()


@hookimpl
def mabe_models() -> list[ModelSpec[GruConfig]]:
    return [ModelSpec(name="gru", config=GruConfig, build=build)]
