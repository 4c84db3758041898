"""Model `frame_shuffled`: any model without the order of frames; what it loses is what order is worth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from mabe_core import Component, DataShape, ModelSpec, hookimpl

if TYPE_CHECKING:
    from torch import nn


@attrs.frozen(kw_only=True)
class FrameShuffledConfig:
    """A model that sees each window's frames in a random order, in training and in evaluation."""

    model: Component[ModelSpec[Any]] = attrs.field(metadata={"help": "the model that is deprived"})


def build(config: FrameShuffledConfig, data: DataShape) -> nn.Module:
    """Build the model inside a shell that permutes frames and puts the scores back into their places."""
    import torch
    from torch import Tensor, nn

    class FrameShuffled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model: nn.Module = config.model.build(data)

        def forward(self, inputs: Tensor) -> Tensor:
            order = torch.rand(inputs.shape[:2], device=inputs.device).argsort(dim=1)
            place = order.argsort(dim=1)
            scores: Tensor = self.model(inputs.gather(1, order[..., None].expand_as(inputs)))
            return scores.gather(1, place[..., None].expand_as(scores))

    return FrameShuffled()


@hookimpl
def mabe_models() -> list[ModelSpec[FrameShuffledConfig]]:
    """Offer the shell."""
    return [ModelSpec(name="frame_shuffled", config=FrameShuffledConfig, build=build)]
