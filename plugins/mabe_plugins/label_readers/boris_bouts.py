"""Pairs the events of a BORIS table to bouts, and repairs what has no partner where that is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from mabe_core import Bout, DataError

if TYPE_CHECKING:
    from mabe_plugins.label_readers import BorisConfig


@attrs.frozen
class Event:
    """One row of a BORIS table: time in seconds, status START, STOP or POINT; "" for no subject or target."""

    line: int
    time: float
    subject: str
    behaviour: str
    status: str
    target: str = ""


def without_points(events: Sequence[Event], config: BorisConfig, notes: list[str], file: Path) -> list[Event]:
    """Return the events that last, and note how many do not; an error unless the config drops them."""
    points = [event for event in events if event.status == "POINT"]
    if points and config.points == "error":
        raise DataError.at(
            file,
            f"{points[0].behaviour!r} is an event without duration, which labels no frame. Write "
            "`points: drop` in the label reader to leave such events out.",
            points[0].line,
        )
    if points:
        notes.append(f"events without duration, dropped: {len(points)} (lines {_lines(points)})")
    return [event for event in events if event.status != "POINT"]


def _lines(events: Sequence[Event]) -> str:
    named = ", ".join(str(event.line) for event in events[:10])
    return named + ", …" * (len(events) > 10)


def pair(
    events: Sequence[Event], length: float, config: BorisConfig, notes: list[str], file: Path
) -> list[Bout]:
    """Pair each START with the STOP of the same subject, behaviour and target that follows it."""
    bouts: list[Bout] = []
    running: dict[tuple[str, str, str], Event] = {}
    closed: list[Event] = []
    dropped: list[Event] = []

    def unmatched(start: Event, until: float) -> None:
        if config.unmatched == "error":
            raise _unmatched(start, file)
        if config.unmatched == "close":
            closed.append(start)
            bouts.append(_bout(start, until))
        else:
            dropped.append(start)

    for event in events:
        key = event.subject, event.behaviour, event.target
        start = running.pop(key, None)
        if start is not None and event.time < start.time:
            raise DataError.at(
                file,
                f"{event.behaviour!r} has a {event.status} at {event.time:g} s, before its START of line "
                f"{start.line} at {start.time:g} s. Correct the times.",
                event.line,
            )
        if event.status == "START":
            if start is not None:
                unmatched(start, event.time)
            running[key] = event
        elif start is not None:
            bouts.append(_bout(start, event.time))
        elif config.unmatched == "error":
            raise _unmatched(event, file)
        else:
            dropped.append(event)
    for start in running.values():
        unmatched(start, length)
    if closed:
        notes.append(f"START without STOP, closed: {len(closed)} (lines {_lines(closed)})")
    if dropped:
        notes.append(f"START or STOP without the other, dropped: {len(dropped)} (lines {_lines(dropped)})")
    return sorted(bouts, key=lambda bout: (bout.start, bout.stop))


def _bout(start: Event, stop: float) -> Bout:
    return Bout(start.behaviour, start.time, stop, agent=start.subject, target=start.target, line=start.line)


def _unmatched(event: Event, file: Path) -> DataError:
    other = "STOP" if event.status == "START" else "START"
    who = f" of {event.subject!r}" if event.subject else ""
    return DataError.at(
        file,
        f"{event.status} of {event.behaviour!r}{who} at {event.time:g} s has no {other}. Correct the file, "
        "or write `unmatched: close` or `unmatched: drop` in the label reader.",
        event.line,
    )
