"""Runs that differ in seed and fold only are one row; rows are told apart by what differs between them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs

from mabe_core.comparing.tried import Tried
from mabe_core.runs.settings import SPREAD_OVER, by_setting
from mabe_core.runs.spread import Spread

# a component's key, that of a list's item too
_ABOVE = re.compile(r"(.+)(?:\.[^.\[]+|\[\d+\])")


@attrs.frozen(eq=False)
class Group:
    """Runs of one experiment but for seed and fold. differing: what tells it from the other groups."""

    runs: tuple[Tried, ...]
    differing: Mapping[str, Any]

    def spread(self, metric: str) -> Spread | None:
        """Return a score over the runs that have it; None where none does."""
        return Spread.of(run.scores.get(metric) for run in self.runs)

    @property
    def parts(self) -> list[str]:
        """What the scores are of."""
        return sorted({run.part for run in self.runs})

    def over(self) -> str:
        """Say what n counts: `3 seeds × 2 folds`."""
        seeds = len({run.seed for run in self.runs})
        folds = len({run.fold for run in self.runs if run.fold is not None})
        words = [_counted(seeds, "seed"), *([_counted(folds, "fold")] if folds else [])]
        if seeds * max(folds, 1) == len(self.runs):
            return " × ".join(words)
        return f"{_counted(len(self.runs), 'run')} of {', '.join(words)}"


def grouped(runs: Sequence[Tried]) -> list[Group]:
    """Return the groups, in the order in which the first run of each was given."""
    alike = by_setting(runs, lambda run: {**run.settings, **run.code})
    firsts = [each[0] for each in alike]
    shown = [{**first.settings, **first.code} for first in firsts]
    keys = differing_keys([first.settings for first in firsts], [first.code for first in firsts])
    return [
        Group(
            tuple(sorted(those, key=lambda run: (_order(run.seed), _order(run.fold)))),
            {key: settings[key] for key in keys if key in settings},
        )
        for those, settings in zip(alike, shown, strict=True)
    ]


def differing_keys(
    settings: Sequence[Mapping[str, Any]], code: Sequence[Mapping[str, str]] = ()
) -> list[str]:
    """Return the keys to tell experiments apart by.

    Inside a component that differs, only what differs among those that name the same component; code, only
    where those that have the component differ.
    """
    keys = []
    for key in dict.fromkeys(key for each in settings for key in each):
        if key in SPREAD_OVER or key.endswith(".name"):
            continue
        alike: dict[tuple[Any, ...], set[str]] = {}
        for each in settings:
            above = tuple(json.dumps(each.get(name)) for name in _above(key))
            alike.setdefault(above, set()).add(json.dumps(each[key]) if key in each else "")
        if any(len(values) > 1 for values in alike.values()):
            keys.append(key)
    kept = [key for key in keys if not (key.endswith("]") and key.rpartition("[")[0] in keys)]
    own = dict.fromkeys(key for each in code for key in each)
    return kept + [key for key in own if len({each[key] for each in code if key in each}) > 1]


def metric_names(groups: Iterable[Group]) -> list[str]:
    """Return the names of all scores that some run has."""
    return list(dict.fromkeys(name for group in groups for run in group.runs for name in run.scores))


def _above(key: str) -> list[str]:
    """Return the keys that a key stands below, the nearest first; `data` itself is none of a component."""
    found = []
    while match := _ABOVE.fullmatch(key):
        key = match[1]
        found.append(key)
    return found


def _order(value: Any) -> tuple[bool, str, Any]:
    return (value is not None, type(value).__name__, value if value is not None else 0)


def _counted(number: int, word: str) -> str:
    return f"{number} {word}" + ("" if number == 1 else "s")
