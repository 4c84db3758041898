"""An optimizer's state over one flat tensor, to and from the state it would have over the parameters.

So a checkpoint is the same whichever way its steps were executed, and another device can go on with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from mabe_core.training.flat import FlatWeights

Saved = dict[str, Any]


def split(saved: Saved, weights: FlatWeights, numbers: Sequence[int]) -> Saved:
    """Return torch's state of an optimizer over the flat weights as its state over the parameters.

    numbers: of each part of the flat weights, which parameter of the optimizer it is.
    """
    (group,) = saved["param_groups"]
    parts: dict[int, dict[str, Any]] = {number: {} for number in sorted(numbers)}
    for key, value in next(iter(saved["state"].values()), {}).items():
        flat = isinstance(value, Tensor) and value.shape == weights.master.shape
        each = weights.views(value) if flat else [value] * len(numbers)
        for number, part in zip(numbers, each, strict=True):
            parts[number][key] = part
    return {
        "state": {number: part for number, part in parts.items() if part},
        "param_groups": [{**group, "params": sorted(numbers)}],
    }


def join(saved: Saved, weights: FlatWeights, numbers: Sequence[int]) -> Saved:
    """Return torch's state of an optimizer over the parameters as its state over the flat weights."""
    (group,) = saved["param_groups"]
    parts = [saved["state"].get(number, {}) for number in numbers]
    whole = {}
    for key, value in parts[0].items():
        here = [part[key] for part in parts]
        if all(
            isinstance(part, Tensor) and part.shape == parameter.shape
            for part, parameter in zip(here, weights.parameters, strict=True)
        ):
            flat = here[0].new_zeros(weights.master.shape)
            for view, part in zip(weights.views(flat), here, strict=True):
                view.copy_(part)
            whole[key] = flat
        else:
            whole[key] = value
    return {"state": {0: whole} if whole else {}, "param_groups": [{**group, "params": [0]}]}
