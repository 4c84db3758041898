"""A checkpoint of a few numbers, for tests that train nothing."""

from __future__ import annotations

import torch

from mabe_core.runs.checkpoints import Checkpoint


def checkpoint(step: int) -> Checkpoint:
    return Checkpoint({"weight": torch.ones(2) * step}, {"momentum": torch.zeros(2)}, {"step": step})
