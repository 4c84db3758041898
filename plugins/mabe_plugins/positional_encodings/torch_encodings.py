"""The positional encodings' modules."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from mabe_core import EncodingShape, UserError

if TYPE_CHECKING:
    from mabe_plugins.positional_encodings import LearnedConfig, RotaryConfig, SinusoidalConfig


def angles(length: int, width: int, base: float) -> Tensor:
    """Return (length, width / 2) angles: position / base^(2i / width) (Vaswani et al. 2017, section 3.5)."""
    rates = torch.exp(torch.arange(0, width, 2) * (-math.log(base) / width))
    return torch.arange(length)[:, None] * rates


class Sinusoidal(nn.Module):
    """Add sin to the even and cos to the odd columns; V3's module, its buffer `pe` (1, max_len, width)."""

    pe: Tensor

    def __init__(self, config: SinusoidalConfig, shape: EncodingShape) -> None:
        super().__init__()
        if shape.model_dim % 2:
            raise UserError(f"sinusoidal needs an even width of the model, not {shape.model_dim}")
        if shape.sequence_length > config.max_len:
            raise UserError(
                f"sinusoidal reaches {config.max_len} frames (max_len), windows have {shape.sequence_length}"
            )
        self.dropout = nn.Dropout(config.dropout)
        theta = angles(config.max_len, shape.model_dim, config.base)
        table = torch.stack([theta.sin(), theta.cos()], dim=-1).flatten(1)
        self.register_buffer("pe", table[None])

    def add(self, x: Tensor) -> Tensor:
        """Map (batch, frames, width) to the same shape."""
        placed: Tensor = self.dropout(x + self.pe[:, : x.shape[1]])
        return placed


class Learned(nn.Module):
    """Add one trained vector a frame, drawn from N(0, 0.02²) at first as in BERT."""

    def __init__(self, config: LearnedConfig, shape: EncodingShape) -> None:
        super().__init__()
        self.dropout = nn.Dropout(config.dropout)
        self.embedding = nn.Parameter(torch.empty(1, shape.sequence_length, shape.model_dim))
        nn.init.normal_(self.embedding, std=0.02)

    def add(self, x: Tensor) -> Tensor:
        """Map (batch, frames, width) to the same shape; frames at most the window's."""
        placed: Tensor = self.dropout(x + self.embedding[:, : x.shape[1]])
        return placed


class Rotary(nn.Module):
    """Rotate the two halves of each head by position-dependent angles (Su et al. 2021, eq. 34)."""

    cos: Tensor
    sin: Tensor

    def __init__(self, config: RotaryConfig, shape: EncodingShape) -> None:
        super().__init__()
        if shape.head_dim % 2:
            raise UserError(f"rotary needs an even width of each head, not {shape.head_dim}")
        theta = angles(shape.sequence_length, shape.head_dim, config.base)
        self.register_buffer("cos", theta.cos(), persistent=False)
        self.register_buffer("sin", theta.sin(), persistent=False)

    def rotate(self, query: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
        """Map query and key, each (…, frames, head width), to the same shapes."""
        return self._turn(query), self._turn(key)

    def _turn(self, x: Tensor) -> Tensor:
        cos, sin = self.cos[: x.shape[-2]], self.sin[: x.shape[-2]]
        first, second = x.chunk(2, dim=-1)
        return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)
