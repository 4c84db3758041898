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
        if hasattr(self.pos_encoder, "rotate"):
            for encoder_layer in self.transformer.layers:
                encoder_layer.self_attn = RotatedAttention(encoder_layer.self_attn, self.pos_encoder)
        self.fc = nn.Linear(width, data.num_classes)

    def forward(self, inputs: Tensor) -> Tensor:
        hidden = self.input_proj(inputs)
        if hasattr(self.pos_encoder, "add"):
            hidden = self.pos_encoder.add(hidden)
        scores: Tensor = self.fc(self.transformer(hidden))
        return scores


class RotatedAttention(nn.Module):
    """Self-attention whose queries and keys a positional encoding rotates; same parameters as torch's own."""

    batch_first = True
    # torch's encoder layer reads this to decide on a fused path that would leave the rotation out
    _qkv_same_embed_dim = False

    def __init__(self, attention: nn.MultiheadAttention, encoding: nn.Module) -> None:
        super().__init__()
        self.num_heads = attention.num_heads
        self.dropout = attention.dropout
        self.in_proj_weight = attention.in_proj_weight
        self.in_proj_bias = attention.in_proj_bias
        self.out_proj = attention.out_proj
        self.rotate: Rotate = encoding.rotate  # type: ignore[assignment]  # nn.Module hides its methods' types

    def forward(self, query: Tensor, *_: object, **__: object) -> tuple[Tensor, None]:
        """Attend over (batch, frames, width); key, value and masks are the query's own or absent here."""
        packed = nn.functional.linear(query, self.in_proj_weight, self.in_proj_bias)
        heads = packed.reshape(*query.shape[:2], 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        rotated_query, rotated_key = self.rotate(heads[0], heads[1])
        attended = nn.functional.scaled_dot_product_attention(
            rotated_query, rotated_key, heads[2], dropout_p=self.dropout if self.training else 0.0
        )
        return self.out_proj(attended.transpose(1, 2).flatten(2)), None
