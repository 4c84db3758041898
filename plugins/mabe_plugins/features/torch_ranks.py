"""The k-th smallest of more numbers than are had at once, exactly, by counting the digits of their bits."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

# gives all numbers, block after block, as often as it is called; no NaN among them
Read = Callable[[], Iterable[Tensor]]

DIGIT = 16
_WHOLE = {torch.float32: torch.int32, torch.float64: torch.int64}


def kth_smallest(read: Read, rank: int, dtype: torch.dtype) -> Tensor:
    """Return the number that has `rank` others before it in order, a scalar of this dtype on the CPU.

    A radix selection: each reading fixes the next 16 bits, so that 2 readings are enough for float32.
    """
    bits = torch.finfo(dtype).bits
    known = 0
    for shift in range(bits - DIGIT, -1, -DIGIT):
        counts = torch.zeros(1 << DIGIT, dtype=torch.int64)
        first = shift == bits - DIGIT
        for numbers in read():
            keys = _keys(numbers.detach().cpu().flatten())
            digits = keys >> shift
            if not first:
                digits = digits[digits >> DIGIT == known] & ((1 << DIGIT) - 1)
            else:
                digits = digits + (1 << (DIGIT - 1))  # the first has the sign
            counts += torch.bincount(digits, minlength=1 << DIGIT)
        upto = counts.cumsum(0)
        digit = int(torch.searchsorted(upto, rank, right=True))
        rank -= int(upto[digit] - counts[digit])
        known = digit - (1 << (DIGIT - 1)) if first else (known << DIGIT) | digit
    return _number(known, dtype)


def _keys(numbers: Tensor) -> Tensor:
    """Return whole numbers, int64, in the order of the floating ones."""
    whole = numbers.view(_WHOLE[numbers.dtype])
    return torch.where(whole < 0, whole ^ torch.iinfo(whole.dtype).max, whole).to(torch.int64)


def _number(key: int, dtype: torch.dtype) -> Tensor:
    """Return the number that has this key."""
    whole = torch.tensor(key, dtype=_WHOLE[dtype])
    return torch.where(whole < 0, whole ^ torch.iinfo(whole.dtype).max, whole).view(dtype)
