"""Progress between machines: events as plain values, the last ones kept under the experiment's id."""

from __future__ import annotations

import json
import operator
import typing
from collections import deque
from collections.abc import Iterator
from typing import Any

import attrs

from mabe_core.training.events import Began, DataRead, Event, Stepped

# events of one attempt that are kept beside the first two; whoever looks less often than that misses some
KEPT = 100
_CLASSES: dict[str, Any] = {cls.__name__: cls for cls in typing.get_args(Event)}


def progress_key(run_id: str) -> str:
    """Return the key under which the progress of an experiment is kept."""
    return f"progress/{run_id}"


class Progress:
    """The events of one attempt, numbered from 1, as a text that can be sent whole at any time."""

    def __init__(self, token: str, attempt: int) -> None:
        self._token, self._attempt = token, attempt
        self._count = 0
        self._first: list[tuple[int, Event]] = []
        self._last: deque[tuple[int, Event]] = deque(maxlen=KEPT)
        self._stepped: Stepped | None = None

    def add(self, event: Event) -> None:
        """Take in an event; of steps only the last is kept."""
        if isinstance(event, Stepped):
            self._stepped = event
            return
        self._count += 1
        kept = self._first if isinstance(event, DataRead | Began) else self._last
        kept.append((self._count, event))

    def to_text(self) -> str:
        """Return all that is kept, as JSON."""
        kept = sorted([*self._first, *self._last], key=operator.itemgetter(0))
        events = [[number, *to_plain(event)] for number, event in kept]
        stepped = None if self._stepped is None else to_plain(self._stepped)
        return json.dumps(
            {"token": self._token, "attempt": self._attempt, "events": events, "stepped": stepped}
        )


class Follower:
    """Turns what `Progress` tells, looked at now and then, back into events, each once."""

    def __init__(self, token: str) -> None:
        self._token = token
        self._seen = (0, 0)
        self._stepped: Any = None

    @property
    def began(self) -> bool:
        """Tell whether anything was heard."""
        return self._seen != (0, 0)

    def new(self, text: str | None) -> Iterator[Event]:
        """Return the events that were not seen yet."""
        told = None if text is None else json.loads(text)
        if told is None or told["token"] != self._token:
            return
        for number, name, values in told["events"]:
            place = (told["attempt"], number)
            if place > self._seen:
                self._seen = place
                yield from from_plain(name, values)
        stepped = told["stepped"]
        if stepped is not None and stepped != self._stepped:
            self._stepped = stepped
            yield from from_plain(*stepped)


def to_plain(event: Event) -> tuple[str, dict[str, Any]]:
    """Return an event as its name and plain values."""
    return type(event).__name__, attrs.asdict(event)


def from_plain(name: str, values: dict[str, Any]) -> Iterator[Event]:
    """Yield the event, unless another version of this program sent one that this one does not know."""
    cls = _CLASSES.get(name)
    if cls is not None and set(values) == {field.name for field in attrs.fields(cls)}:
        yield cls(**values)
