"""Runs a function on tensors that have no numbers: whatever would wait for a device's numbers raises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._pytree import tree_map


def runs_without_waiting(function: Callable[..., Any], *given: Any) -> None:
    """Raise where the function reads a number, or a shape that depends on one: a CUDA graph cannot hold it."""
    with FakeTensorMode(allow_non_fake_inputs=True) as mode, torch.random.fork_rng():
        function(*tree_map(lambda each: mode.from_tensor(each) if isinstance(each, Tensor) else each, given))
