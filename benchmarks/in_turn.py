"""Measures several contenders round by round, in turn, and tells each against one of them."""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.context import write_figures

# what each is measured by: the greater the better, or the smaller
UNITS = {"steps/s": True, "frames/s": True, "s": False}


def options(told: str | None, rounds: int) -> argparse.ArgumentParser:
    """Return the command line that all of them have; rounds: how many by default."""
    parser = argparse.ArgumentParser(description=told, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--only", nargs="+", default=[], help="those whose names hold one of these words")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    return parser


def options_of_v3(told: str | None, rounds: int) -> argparse.ArgumentParser:
    """Return the command line of those that train or score V3."""
    parser = options(told, rounds)
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="of V3's experiment")
    parser.add_argument("--device", default="auto")
    return parser


def keep(asked: argparse.Namespace, figures: Mapping[str, Any], **more: int) -> None:
    """Write the figures, and what they were measured on, to the file that was asked for."""
    if asked.json:
        write_figures(asked.json, {"rounds": asked.rounds, **more, "figures": figures})


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
