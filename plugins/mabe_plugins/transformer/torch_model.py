"""The transformer's module, with the parameter names of V3's checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from torch import Tensor, nn

from mabe_core import DataShape, EncodingShape

if TYPE_CHECKING:
    from mabe_plugins.transformer import TransformerConfig

Rotate = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


class Transformer(nn.Module):
    """Map (batch, frames, inputs) to scores (batch, frames, classes).

    Layers are torch's own encoder layers with its defaults (post-norm, ReLU). An encoding that adds to the
    input comes before them; one that rotates queries and keys takes part in each layer's attention.
    """

    def __init__(self, config: TransformerConfig, data: DataShape) -> None:
        super().__init__()
        width = config.hidden_dim
        shape = EncodingShape(width, width // config.num_heads, data.sequence_length)
        self.input_proj = nn.Linear(data.input_dim, width)
        self.pos_encoder = config.positional_encoding.build(shape)
        layer = nn.TransformerEncoderLayer(
            width, config.num_heads, config.feedforward_factor * width, config.dropout, batch_first=True
        )
        # nested tensors serve padded batches, which windows never are
        self.transformer = nn.TransformerEncoder(layer, config.num_layers, enable_nested_tensor=False)
        for encoder_layer in self.transformer.layers:
            encoder_layer.self_attn = SelfAttention(encoder_layer.self_attn, self.pos_encoder)
        self.fc = nn.Linear(width, data.num_classes)

    def forward(self, inputs: Tensor) -> Tensor:
        hidden = self.input_proj(inputs)
        if hasattr(self.pos_encoder, "add"):
            hidden = self.pos_encoder.add(hidden)
        scores: Tensor = self.fc(self.transformer(hidden))
        return scores


class SelfAttention(nn.Module):
    """Self-attention with the parameters, and to the bit the scores, of torch's own, and shorter backward.

    Torch's takes queries, keys and values apart by index, each of which fills a tensor of zeros in backward.
    A positional encoding may rotate queries and keys.
    """

    batch_first = True
    # torch's encoder layer reads this to decide on a fused path that would go around this module
    _qkv_same_embed_dim = False

    def __init__(self, attention: nn.MultiheadAttention, encoding: nn.Module) -> None:
        super().__init__()
        self.num_heads = attention.num_heads
        self.dropout = attention.dropout
        self.in_proj_weight = attention.in_proj_weight
        self.in_proj_bias = attention.in_proj_bias
        self.out_proj = attention.out_proj
        self.rotate: Rotate | None = getattr(encoding, "rotate", None)

    def forward(self, query: Tensor, *_: object, **__: object) -> tuple[Tensor, None]:
        """Attend over (batch, frames, width); key, value and masks are the query's own or absent here."""
        packed = nn.functional.linear(query, self.in_proj_weight, self.in_proj_bias)
        # taken apart where they lie: backward lays the three gradients side by side, and copies them once
        heads = packed.reshape(*query.shape[:2], 3, self.num_heads, -1).unbind(2)
        queries, keys, values = (part.transpose(1, 2) for part in heads)
        if self.rotate is not None:
            queries, keys = self.rotate(queries, keys)
        attended = nn.functional.scaled_dot_product_attention(
            queries, keys, values, dropout_p=self.dropout if self.training else 0.0
        )
        return self.out_proj(attended.transpose(1, 2).flatten(2)), None
