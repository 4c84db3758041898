"""Model `transformer`: V3's encoder over the frames of a window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from mabe_core import Component, DataShape, ModelSpec, PositionalEncodingSpec, hookimpl
from mabe_plugins.fields import count, dropout

if TYPE_CHECKING:
    from torch import nn


@attrs.frozen(kw_only=True)
class TransformerConfig:
    """Transformer encoder (Vaswani et al. 2017), one score a class for each frame.

    A. Vaswani, N. Shazeer, N. Parmar, J. Uszkoreit, L. Jones, A. N. Gomez, Ł. Kaiser, I. Polosukhin (2017),
    "Attention Is All You Need", NeurIPS.
    """

    hidden_dim: int = count(256, "width of the encoder")
    num_layers: int = count(4, "encoder layers")
    num_heads: int = count(8, "attention heads; hidden_dim is a multiple of them")
    feedforward_factor: int = count(4, "width of the feed-forward part, in hidden_dim")
    dropout: float = dropout(0.1)
    positional_encoding: Component[PositionalEncodingSpec[Any]] = attrs.field(
        default=Component("sinusoidal"), metadata={"help": "how the model knows a frame's place"}
    )

    def __attrs_post_init__(self) -> None:
        if self.hidden_dim % self.num_heads:
            raise ValueError(
                f"hidden_dim must be a multiple of num_heads ({self.num_heads}), not {self.hidden_dim}"
            )


def build(config: TransformerConfig, data: DataShape) -> nn.Module:
    """Build the module; see torch_model.py."""
    from mabe_plugins.transformer.torch_model import Transformer

    return Transformer(config, data)


@hookimpl
def mabe_models() -> list[ModelSpec[TransformerConfig]]:
    return [ModelSpec(name="transformer", config=TransformerConfig, build=build)]
