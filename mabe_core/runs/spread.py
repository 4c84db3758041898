"""A score over several runs: its mean and its sample standard deviation."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable
from typing import Any

import attrs


@attrs.frozen
class Spread:
    """Some values; deviation: their sample standard deviation (n − 1), None for fewer than two."""

    values: tuple[float, ...]

    @classmethod
    def of(cls, values: Iterable[float | None]) -> Spread | None:
        """Return the spread of the finite ones among some values; None where there are none."""
        finite = tuple(float(value) for value in values if value is not None and math.isfinite(value))
        return cls(finite) if finite else None

    @property
    def n(self) -> int:
        return len(self.values)

    @property
    def mean(self) -> float:
        return statistics.fmean(self.values)

    @property
    def deviation(self) -> float | None:
        return statistics.stdev(self.values) if self.n > 1 else None

    def as_dict(self) -> dict[str, Any]:
        """Return it as what JSON can hold."""
        return {"mean": self.mean, "sd": self.deviation, "n": self.n, "values": list(self.values)}

    def __str__(self) -> str:
        told = "" if self.deviation is None else f" ± {self.deviation:.4f}"
        return f"{self.mean:.4f}{told}"
