"""torch's optimizers without the import of its compiler, which takes seconds and trains nothing."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable

import torch
from torch.optim import Optimizer

# methods of every optimizer that torch wraps so that its compiler leaves them alone
_LEFT_ALONE = (
    Optimizer.add_param_group,
    Optimizer.zero_grad,
    Optimizer.state_dict,
    Optimizer.load_state_dict,
)


def without_compiler() -> None:
    """Let optimizers be built, saved and restored without importing torch's compiler, as long as nobody did.

    torch imports it to tell it to leave these methods alone, and keeps the answer beside each: it is there
    already then. Where a later torch keeps it elsewhere, nothing but time is lost.
    """
    if "torch._dynamo" in sys.modules:
        return
    for method in _LEFT_ALONE:
        written = inspect.unwrap(method)
        if written is not method:
            vars(written).setdefault("__dynamo_disable", written)


def unhooked_step(optimizer: Optimizer) -> Callable[[], object]:
    """Return an optimizer's step as it is written, without what torch wraps around it for hooks and compiler.

    Where somebody listens to its steps by then, torch's own is taken.
    """
    step = inspect.unwrap(type(optimizer).step)

    def unhooked() -> None:
        if is_listened_to(optimizer):
            optimizer.step()
            return
        with torch.no_grad():
            step(optimizer)

    return unhooked


def is_listened_to(optimizer: Optimizer) -> bool:
    """Tell whether anybody hears of an optimizer's steps."""
    return bool(optimizer._optimizer_step_pre_hooks or optimizer._optimizer_step_post_hooks)
