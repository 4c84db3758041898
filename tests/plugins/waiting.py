"""Runs a function and raises where it does what a CUDA graph cannot hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

aten = torch.ops.aten
# they read a number, or give a shape that depends on numbers; or copy numbers of Python's to the device
WAITING = {
    aten._local_scalar_dense.default: "reads a number",
    aten.nonzero.default: "gives a shape that depends on numbers",
    aten.masked_select.default: "gives a shape that depends on numbers",
    aten.lift_fresh.default: "copies numbers to the device",
}


class _Watch(TorchDispatchMode):
    def __torch_dispatch__(
        self, function: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        assert function not in WAITING, f"{function} {WAITING[function]}"
        if function in (aten.index.Tensor, aten.index_put_.default, aten.index_put.default):
            masks = [each for each in _tensors(args[1]) if each.dtype == torch.bool]
            assert not masks, f"{function} picks out by a mask"
        return function(*args, **(kwargs or {}))


def _tensors(each: Any) -> Iterator[Tensor]:
    return (leaf for leaf in tree_leaves(each) if isinstance(leaf, Tensor))


def runs_without_waiting(function: Callable[..., Any], *given: Any) -> None:
    """Call the function; raise AssertionError where it would wait for a GPU's numbers, or copy to it."""
    with torch.random.fork_rng(), _Watch():
        function(*given)
