"""Changes the structure of trees of maps, lists and scalars, as experiments and records are."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

Place = tuple[Any, Any]

NUMBERS: list[Any] = [0, -1, 1, 2, 3.5, 1e308, 1e-320, 2**31, 2**63 - 1, -(2**63), float("inf"), float("nan")]
TEXTS: list[Any] = [
    *("", " ", "no", "auto", "1e3", "~", "../..", "/etc/passwd", "CON", "a" * 300, "\x1b[2J", "[red]x[/]"),
    *("<script>alert(1)</script>", "{{7*7}}", "\u202ex", "\ud800", "0" * 64, "x\ny", "١٢"),
]
ODD: list[Any] = [None, True, False, [], {}, [[]], [None], {"": 1}, {"name": None}, [1, "a", None]]


def places(tree: Any) -> Iterator[Place]:
    """Yield each map or list with each key or index in it."""
    if isinstance(tree, dict | list):
        for key in list(tree) if isinstance(tree, dict) else range(len(tree)):
            yield tree, key
            yield from places(tree[key])


def changed(tree: Any, chance: random.Random, times: int) -> Any:
    """Return a copy of a tree with so many things done to it."""
    tree = copy.deepcopy(tree)
    for _ in range(times):
        there = list(places(tree))
        if not there:
            return chance.choice(ODD)
        _CHANGES[chance.randrange(len(_CHANGES))](there, chance)
    return tree


def _drop(there: list[Place], chance: random.Random) -> None:
    holder, key = chance.choice(there)
    del holder[key]


def _exchange(there: list[Place], chance: random.Random) -> None:
    (one, key), (other, second) = chance.choice(there), chance.choice(there)
    one[key], other[second] = copy.deepcopy(other[second]), copy.deepcopy(one[key])


def _copy_elsewhere(there: list[Place], chance: random.Random) -> None:
    holder, key = chance.choice(there)
    target, _ = chance.choice(there)
    value = copy.deepcopy(holder[key])
    if isinstance(target, dict):
        target[key if isinstance(key, str) else f"item{key}"] = value
    else:
        target.insert(chance.randrange(len(target) + 1), value)


def _move_elsewhere(there: list[Place], chance: random.Random) -> None:
    holder, key = chance.choice(there)
    value = holder[key]
    del holder[key]
    others = [target for target, _ in there if isinstance(target, dict) and target is not value]
    if others:
        chance.choice(others)[str(key)] = copy.deepcopy(value)


def _rename(there: list[Place], chance: random.Random) -> None:
    named = [(holder, key) for holder, key in there if isinstance(holder, dict)]
    if named:
        holder, key = chance.choice(named)
        word = str(key)
        other = chance.choice([word[:-1], word + "s", word.upper(), word[::-1], "name", "extends", "plugins"])
        holder[other] = holder.pop(key)


def _other_value(there: list[Place], chance: random.Random) -> None:
    holder, key = chance.choice(there)
    holder[key] = copy.deepcopy(chance.choice(chance.choice([NUMBERS, TEXTS, ODD])))


def _out_of_range(there: list[Place], chance: random.Random) -> None:
    numbers = [(holder, key) for holder, key in there if type(holder[key]) in (int, float)]
    if numbers:
        holder, key = chance.choice(numbers)
        holder[key] = chance.choice([*NUMBERS, -holder[key], holder[key] * 1000, holder[key] + 0.5])


def _wrap(there: list[Place], chance: random.Random) -> None:
    holder, key = chance.choice(there)
    value = holder[key]
    holder[key] = chance.choice([[value], {"name": value}, [value, copy.deepcopy(value)], str(value)])


def _nest(there: list[Place], chance: random.Random) -> None:
    holder, key = chance.choice(there)
    value = holder[key]
    for _ in range(chance.choice([5, 60])):
        value = [value] if chance.random() < 0.5 else {"name": value}
    holder[key] = value


_CHANGES = [
    *(_drop, _exchange, _copy_elsewhere, _move_elsewhere, _rename, _other_value),
    *(_out_of_range, _out_of_range, _wrap, _nest),
]
