"""What tells runs apart: which of them are one setting, run with several seeds and folds, and its words."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from mabe_core.experiment.text import inline_text

SEED = "seed"
FOLD = "data.split.fold"
# scores are spread over these; all else is what is compared
SPREAD_OVER = (FOLD, SEED)

Thing = TypeVar("Thing")


def setting_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings, by dotted key, without those that scores are spread over."""
    return {key: value for key, value in settings.items() if key not in SPREAD_OVER}


def by_setting(
    things: Iterable[Thing], settings_of: Callable[[Thing], Mapping[str, Any]]
) -> list[tuple[Thing, ...]]:
    """Return things of which only seed and fold differ together, each where its first one stood."""
    found: dict[str, list[Thing]] = {}
    for thing in things:
        found.setdefault(json.dumps(setting_of(settings_of(thing)), sort_keys=True), []).append(thing)
    return [tuple(those) for those in found.values()]


def settings_words(settings: Mapping[str, Any]) -> list[str]:
    """Write each setting as `key=value`, the key by its last word where that tells them apart."""
    last = [key.rpartition(".")[2] for key in settings]
    keys = [word if last.count(word) == 1 else key for key, word in zip(settings, last, strict=True)]
    return [f"{key}={value_text(value)}" for key, value in zip(keys, settings.values(), strict=True)]


def settings_text(settings: Mapping[str, Any], between: str = "  ") -> str:
    """Write settings on one line."""
    return between.join(settings_words(settings))


def value_text(value: Any) -> str:
    """Write a value on one line, for people: a component by its name, a number to four digits."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict) and "name" in value:
        rest = {key: inner for key, inner in value.items() if key != "name"}
        return f"{value['name']} {inline_text(rest)}" if rest else str(value["name"])
    return value if isinstance(value, str) else inline_text(value)
