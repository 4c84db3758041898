"""What a run tells while it goes on: plain values, so that they can also come from another machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from mabe_core.runs.record import State


@attrs.frozen
class DataRead:
    """The recordings were read; lines of the import report."""

    report: tuple[str, ...]


@attrs.frozen
class Began:
    """Training begins, at a step (0 for a new run); monitor: the score that decides which epoch is best."""

    parameters: int
    epochs: int
    steps_per_epoch: int
    step: int
    monitor: str
    auto: Mapping[str, Any]


@attrs.frozen
class Stepped:
    """Training has come this far; sent a few times a second."""

    epoch: int
    step: int
    loss: float


@attrs.frozen
class EpochEnded:
    """An epoch was trained and validated; the line of metrics.jsonl."""

    metrics: Mapping[str, Any]
    best: bool


@attrs.frozen
class StoppedEarly:
    """No epoch is trained after this one; why, in words."""

    epoch: int
    why: str


@attrs.frozen
class Saved:
    """A checkpoint is on disk."""

    checkpoint: str


@attrs.frozen
class Scoring:
    """The best checkpoint is about to score what was held out; stretches: how many of each part."""

    checkpoint: str
    stretches: Mapping[str, int]


@attrs.frozen
class Ended:
    """Training is over, for good or for now; failure: why it failed, where it did."""

    state: State
    failure: str


@attrs.frozen
class Warned:
    """Something that a user should know."""

    message: str


Event = DataRead | Began | Stepped | EpochEnded | StoppedEarly | Saved | Scoring | Ended | Warned
Observer = Callable[[Event], None]


def unobserved(_: Event) -> None:
    """Take no notice."""


def together(*observers: Observer) -> Observer:
    """Return an observer that tells each event to all of these, in order."""

    def observe(event: Event) -> None:
        for each in observers:
            each(event)

    return observe
