"""Means and spreads: members that differ only by seed or fold are one setting."""

from __future__ import annotations

import json
import math
import statistics
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import attrs

from mabe_core.pages.facts import Facts

# what scores are spread over; every other axis of a study makes another setting
SPREAD_AXES = ("seed", "data.split.fold")


@attrs.frozen
class Spread:
    """Some values: their mean, and their sample standard deviation, None for fewer than two."""

    values: tuple[float, ...]

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
        return {"mean": self.mean, "deviation": self.deviation, "n": self.n, "values": list(self.values)}

    @classmethod
    def of(cls, values: Iterable[float | None]) -> Spread | None:
        """Return the spread of the finite ones among some values; None where there are none."""
        finite = tuple(float(value) for value in values if value is not None and math.isfinite(value))
        return cls(finite) if finite else None


@attrs.frozen(eq=False)
class Setting:
    """Members that differ only by what scores are spread over. metrics: held-out scores by name."""

    name: str
    values: Mapping[str, Any]
    members: tuple[Facts, ...]
    metrics: Mapping[str, Spread]


def held_out_scores(facts: Facts) -> Mapping[str, float]:
    """Return a member's pooled scores of the part that was held out; none where it has no scores."""
    scores = facts.scores
    return scores.pooled.get(scores.held_out, {}) if scores is not None else {}


def settings_of(members: Sequence[Facts]) -> tuple[Setting, ...]:
    """Return the settings among members, in their order."""
    by_values: dict[str, list[Facts]] = {}
    for member in members:
        by_values.setdefault(json.dumps(_told_apart_by(member)), []).append(member)
    keys = _short({key for member in members for key in _told_apart_by(member)})
    return tuple(_setting(tuple(alike), keys) for alike in by_values.values())


def main_metric(members: Sequence[Facts]) -> str | None:
    """Return the score by which members are compared: the monitored one, else macro-F1, else their first."""
    known = dict.fromkeys(name for member in members for name in held_out_scores(member))
    monitored = [member.record.monitor for member in members if member.record]
    return next((name for name in (*monitored, "macro_f1", *known) if name in known), None)


def lower_is_better(members: Sequence[Facts], metric: str) -> bool:
    """Tell whether a score is an error."""
    watching = [member for member in members if member.record and member.record.monitor == metric]
    return any(member.lower_is_better for member in watching) or metric == "loss"


def best_first(settings: Sequence[Setting], metric: str | None, *, lower: bool) -> list[Setting]:
    """Return settings by their mean of a score, the best first, those without it last."""

    def place(setting: Setting) -> tuple[bool, float]:
        spread = setting.metrics.get(metric or "")
        return (True, 0.0) if spread is None else (False, spread.mean if lower else -spread.mean)

    return sorted(settings, key=place)


def _told_apart_by(member: Facts) -> dict[str, Any]:
    return {key: value for key, value in member.settings.items() if key not in SPREAD_AXES}


def _short(keys: Collection[str]) -> dict[str, str]:
    """Return the last word of each dotted key, or the whole key where two would be called the same."""
    last = Counter(key.rpartition(".")[2] for key in keys)
    return {key: word if last[word := key.rpartition(".")[2]] == 1 else key for key in keys}


def _setting(members: tuple[Facts, ...], keys: Mapping[str, str]) -> Setting:
    values = _told_apart_by(members[0])
    scores = [held_out_scores(member) for member in members]
    names = dict.fromkeys(name for each in scores for name in each)
    found = {name: Spread.of(each.get(name) for each in scores) for name in names}
    return Setting(
        name=", ".join(f"{keys[key]} {_shown(value)}" for key, value in values.items()) or "all members",
        values=values,
        members=members,
        metrics={name: spread for name, spread in found.items() if spread is not None},
    )


def _shown(value: Any) -> str:
    if isinstance(value, Mapping) and "name" in value:
        rest = ", ".join(f"{key} {_shown(item)}" for key, item in value.items() if key != "name")
        return f"{value['name']} ({rest})" if rest else str(value["name"])
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
