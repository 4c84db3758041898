"""The losses' modules: scores are (batch, frames, classes), or (stages, batch, frames, classes).

Each is a mean over the labelled frames of all stages, and 0 where nothing is labelled. Nothing is picked out
by a mask, which would wait for the device; scores are laid out as (frames, classes), since (batch, classes,
frames) has no kernel on CUDA that adds in a fixed order.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from mabe_core import UNLABELLED


class CrossEntropy(nn.Module):
    """The sum of w·CE over the sum of w, w the weight of a frame's class, as torch's own weighted mean."""

    weights: Tensor

    def __init__(self, weights: tuple[float, ...], label_smoothing: float = 0.0) -> None:
        super().__init__()
        self.register_buffer("weights", torch.tensor(weights, dtype=torch.float64))
        self.label_smoothing = label_smoothing

    def forward(self, scores: Tensor, targets: Tensor) -> Tensor:
        flat, each = _frames(scores, targets)
        weights = self.weights.to(scores.dtype)
        total = functional.cross_entropy(
            flat,
            each,
            weights,
            ignore_index=UNLABELLED,
            reduction="sum",
            label_smoothing=self.label_smoothing,
        )
        return _over(total, torch.where(each >= 0, weights[each.clamp(min=0)], 0.0).sum())


class Focal(nn.Module):
    """The mean of -w (1 - p)^gamma log p, p the probability of a frame's class (Lin et al. 2017, eq. 5)."""

    weights: Tensor

    def __init__(self, weights: tuple[float, ...], gamma: float) -> None:
        super().__init__()
        self.register_buffer("weights", torch.tensor(weights, dtype=torch.float64))
        self.gamma = gamma

    def forward(self, scores: Tensor, targets: Tensor) -> Tensor:
        flat, each = _frames(scores, targets)
        costs = functional.cross_entropy(flat, each, ignore_index=UNLABELLED, reduction="none")
        # a power below 1 has no slope at 0
        missed = (-torch.expm1(-costs)).clamp(min=torch.finfo(costs.dtype).eps)
        weights = torch.where(each >= 0, self.weights.to(scores.dtype)[each.clamp(min=0)], 0.0)
        return _over((weights * missed**self.gamma * costs).sum(), (each >= 0).sum())


class SmoothedCrossEntropy(nn.Module):
    """Cross-entropy and `smoothing` times the truncated mean squared error of neighbouring frames.

    The error is min(|log p(t) - log p(t-1)|, truncate)², its mean over classes and over labelled frames that
    follow a labelled frame; log p(t-1) is taken as given (Abu Farha & Gall 2019, eq. 8 to 10).
    """

    def __init__(
        self, weights: tuple[float, ...], label_smoothing: float, smoothing: float, truncate: float
    ) -> None:
        super().__init__()
        self.cross_entropy = CrossEntropy(weights, label_smoothing)
        self.smoothing = smoothing
        self.truncate = truncate

    def forward(self, scores: Tensor, targets: Tensor) -> Tensor:
        log_p = scores.log_softmax(-1)
        steps = (log_p[..., 1:, :] - log_p[..., :-1, :].detach()).abs().clamp(max=self.truncate)
        both = ((targets[:, 1:] >= 0) & (targets[:, :-1] >= 0)).expand(steps.shape[:-1])
        errors = torch.where(both, steps.square().mean(-1), 0.0)
        cost: Tensor = self.cross_entropy(scores, targets) + self.smoothing * _over(errors.sum(), both.sum())
        return cost


class BinaryCrossEntropy(nn.Module):
    """The mean over labelled (frame, class) of -(w y log p + (1 - y) log(1 - p)), w the class's weight."""

    weights: Tensor

    def __init__(self, weights: tuple[float, ...]) -> None:
        super().__init__()
        self.register_buffer("weights", torch.tensor(weights, dtype=torch.float64))

    def forward(self, scores: Tensor, targets: Tensor) -> Tensor:
        labelled = (targets >= 0).expand(scores.shape)
        present = (targets > 0).to(scores.dtype).expand(scores.shape)
        costs = functional.binary_cross_entropy_with_logits(
            scores, present, reduction="none", pos_weight=self.weights.to(scores.dtype)
        )
        return _over(torch.where(labelled, costs, 0.0).sum(), labelled.sum())


def _frames(scores: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Return scores (frames, classes) and targets (frames,), each stage's after another."""
    return scores.flatten(0, -2), targets.expand(scores.shape[:-1]).flatten()


def _over(total: Tensor, count: Tensor) -> Tensor:
    """Return a mean, 0 where nothing was counted."""
    mean: Tensor = total / torch.where(count > 0, count, 1).to(total.dtype)
    return mean
