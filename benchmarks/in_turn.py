"""Measures several contenders round by round, in turn, and tells each against one of them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence

# what each is measured by: the greater the better, or the smaller
UNITS = {"steps/s": True, "frames/s": True, "s": False}


def in_turn(
    contenders: Mapping[str, Callable[[], float]], rounds: int, unit: str, only: Sequence[str] = ()
) -> dict[str, list[float]]:
    """Return each one's figures, a round each, and print them as they come; who goes first changes.

    only: words of which a contender's name must hold one.
    """
    assert unit in UNITS
    asked = [name for name in contenders if not only or any(word in name for word in only)]
    found: dict[str, list[float]] = {name: [] for name in asked}
    for number in range(rounds):
        for name in asked if number % 2 == 0 else reversed(asked):
            figure = contenders[name]()
            found[name].append(float(f"{figure:.5g}"))
            print(f"{figure:12,.5g} {unit:8}  {name}", flush=True)
    return found


def summary(found: Mapping[str, list[float]], ours: str, unit: str) -> dict[str, dict[str, float]]:
    """Return median, minimum and maximum of each, and how many times ours is as fast, round by round."""
    told = {}
    for name, each in found.items():
        told[name] = {"median": statistics.median(each), "min": min(each), "max": max(each)}
        if ours in found:
            pairs = zip(found[ours], each, strict=True)
            ratios = [mine / other if UNITS[unit] else other / mine for mine, other in pairs]
            told[name] |= {
                "ratio": round(statistics.median(ratios), 3),
                "ratio_min": round(min(ratios), 3),
                "ratio_max": round(max(ratios), 3),
            }
    return told


def print_summary(told: Mapping[str, Mapping[str, float]], ours: str, unit: str) -> None:
    """Print a line a contender."""
    for name, each in told.items():
        times = ""
        if "ratio" in each and name != ours:
            times = f"{each['ratio']:.2f} times ({each['ratio_min']:.2f} to {each['ratio_max']:.2f})"
        print(f"median {each['median']:10,.5g} {unit:8}  {times:28}  {name}", flush=True)
