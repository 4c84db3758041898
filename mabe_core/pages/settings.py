"""The settings of a study: members that differ only by seed or fold, and which of them is the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from mabe_core.pages.facts import Facts
from mabe_core.runs.choice import chosen
from mabe_core.runs.settings import by_setting, setting_of, settings_text
from mabe_core.runs.spread import Spread


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
    return tuple(_setting(alike) for alike in by_setting(members, lambda member: member.settings))


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


def by_validation(settings: Sequence[Setting]) -> Setting | None:
    """Return the setting that is best on validation, where scores are of a test part that it did not see.

    None where there is nothing to choose by.
    """
    members = [member for setting in settings for member in setting.members]
    monitors = {member.record.monitor if member.record else None for member in members}
    parts = {member.scores.held_out if member.scores else None for member in members}
    if len(monitors) != 1 or parts != {"test"}:
        return None
    choice = chosen(
        [setting.members for setting in settings],
        lambda member: member.record.best if member.record else None,
        lower_is_better=any(lower_is_better(members, monitor) for monitor in monitors if monitor),
    )
    return None if choice is None or choice.row is None else settings[choice.row]


def _setting(members: tuple[Facts, ...]) -> Setting:
    values = setting_of(members[0].settings)
    scores = [held_out_scores(member) for member in members]
    names = dict.fromkeys(name for each in scores for name in each)
    found = {name: Spread.of(each.get(name) for each in scores) for name in names}
    return Setting(
        name=settings_text(values, ", ") or "all members",
        values=values,
        members=members,
        metrics={name: spread for name, spread in found.items() if spread is not None},
    )
