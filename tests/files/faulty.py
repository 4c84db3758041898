"""A plugin file of things that go wrong: a loss that some batches spoil, a model that needs too much memory."""

import attrs

from mabe_core import LossSpec, ModelSpec, hookimpl


@attrs.frozen
class SpoiledConfig:
    """Cross-entropy that is not finite for each batch whose classes add up to a multiple of something."""

    multiple: int = attrs.field(default=5, metadata={"help": "of what"})
    gradient: bool = attrs.field(default=False, metadata={"help": "spoil the gradient alone"})


def build_spoiled(config, context):
    import torch
    from torch.nn.functional import cross_entropy

    def loss(scores, targets):
        value = cross_entropy(scores.flatten(0, 1), targets.flatten(), ignore_index=-1)
        if not torch.is_grad_enabled() or targets.sum() % config.multiple:
            return value
        # the square root's slope at 0 is infinite
        return value + (scores[0, 0, 0] * 0).sqrt() if config.gradient else value * torch.nan

    return loss


@attrs.frozen
class HungryConfig:
    """A linear layer that takes batches up to a size."""

    most: int = attrs.field(default=3, metadata={"help": "windows in training"})


def build_hungry(config, data):
    import torch
    from torch import nn

    class Hungry(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(data.input_dim, data.num_classes)

        def forward(self, inputs):
            if torch.is_grad_enabled() and len(inputs) > config.most:
                raise torch.OutOfMemoryError(
                    "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has …\nmore"
                )
            return self.fc(inputs)

    return Hungry()


@hookimpl
def mabe_losses():
    return [LossSpec(name="spoiled", config=SpoiledConfig, build=build_spoiled)]


@hookimpl
def mabe_models():
    return [ModelSpec(name="hungry", config=HungryConfig, build=build_hungry)]
