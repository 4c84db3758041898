"""A module as V3's script would have it, under whatever names; written from torch's tutorial-like parts."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class Places(nn.Module):
    """Sines and cosines as such scripts fill them in, column by column."""

    def __init__(self, width: int, longest: int = 5000, *, batch_second: bool = False) -> None:
        super().__init__()
        place = torch.arange(longest, dtype=torch.float)[:, None]
        rates = torch.exp(torch.arange(0, width, 2).float() * (-math.log(10000.0) / width))
        pe = torch.zeros(longest, width)
        pe[:, 0::2] = torch.sin(place * rates)
        pe[:, 1::2] = torch.cos(place * rates)
        self.batch_second = batch_second
        self.register_buffer("pe", pe[:, None] if batch_second else pe[None])

    def forward(self, x: Tensor) -> Tensor:
        return x + (self.pe[: x.shape[1], 0] if self.batch_second else self.pe[:, : x.shape[1]])


class Learned(nn.Module):
    def __init__(self, width: int, frames: int) -> None:
        super().__init__()
        self.pos_embedding = nn.Parameter(torch.randn(1, frames, width))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.pos_embedding


class Original(nn.Module):
    """names: what input projection, places, encoder and head are called."""

    def __init__(
        self,
        names: tuple[str, str, str, str] = ("input_proj", "pos_encoder", "transformer", "classifier"),
        *,
        inputs: int = 8,
        width: int = 16,
        layers: int = 2,
        heads: int = 2,
        classes: int = 2,
        places: nn.Module | None = None,
        head: nn.Module | None = None,
        norm: nn.Module | None = None,
        **layer: object,
    ) -> None:
        super().__init__()
        self.names = names
        encoder = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(width, heads, 4 * width, 0.1, batch_first=True, **layer),
            layers,
            norm=norm,
            enable_nested_tensor=False,
        )
        parts = (
            nn.Linear(inputs, width),
            places or Places(width),
            encoder,
            head or nn.Linear(width, classes),
        )
        for name, part in zip(names, parts, strict=True):
            self.add_module(name, part)

    def forward(self, x: Tensor) -> Tensor:
        for name in self.names:
            x = getattr(self, name)(x)
        return x
