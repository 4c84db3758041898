"""Divides a batch: into parts that go through the model one after another, and each among processes."""

from __future__ import annotations

import attrs
import torch
from torch import Tensor

from mabe_core.training.processes import Processes


@attrs.frozen(eq=False)
class Share:
    """One part of a batch, as one process scores it.

    size: its windows, over all processes. lane: int64, the places in the batch of those scored here.
    """

    size: int
    lane: Tensor


def shares(size: int, accumulate: int, processes: Processes, device: torch.device) -> list[Share]:
    """Return the parts of a batch of so many windows, at most `accumulate`, in order."""
    places = torch.arange(size, device=device)
    return [Share(len(part), processes.lane(part)) for part in places.chunk(accumulate)]


def weighted(loss: Tensor, targets: Tensor, batch: int) -> tuple[Tensor, Tensor]:
    """Return the loss of a part by the share of the batch's labels that it has, and that share.

    The sum of the first over that of the second is the batch's loss, where a loss is a mean over labels.
    batch: windows of the whole batch.
    """
    known = (targets >= 0).sum().to(loss.dtype) / (targets[0].numel() * batch)
    return loss * known, known
