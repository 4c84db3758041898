"""`cloud.json` in a run directory: the attempts that were made at a run in the cloud, and how each ended."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Literal

import attrs
import cattrs

from mabe_core.runs.files import read_json, write_json
from mabe_core.runs.record import now

FILE = "cloud.json"
Ending = Literal["", "finished", "failed", "preempted", "time limit", "stopped"]


class AttemptOver(RuntimeError):
    """An attempt has to end and another should follow: raised, so that the cloud tries again."""

    def __init__(self, message: str, ended: Ending) -> None:
        super().__init__(message)
        self.ended = ended


@attrs.define(kw_only=True)
class Attempt:
    """One container's try. ended: empty while it runs, and for good where it crashed. seconds: so far."""

    token: str
    call: str
    app: str
    gpu: str
    started: str
    seconds: float = 0.0
    ended: Ending = ""


class Attempts:
    """The attempts at a run; this one is the last of them. Its time begins here."""

    def __init__(self, file: Path, this: Attempt) -> None:
        self._file = file
        self._this = this
        self._began = time.monotonic()
        told = read_json(file)
        before = cattrs.structure(told["attempts"], list[Attempt]) if isinstance(told, dict) else []
        self.first_of_submission = all(attempt.token != this.token for attempt in before)
        self._before = before

    @property
    def number(self) -> int:
        """Which attempt this is, from 1."""
        return len(self._before) + 1

    @property
    def seconds(self) -> float:
        """How long this attempt has lasted."""
        return time.monotonic() - self._began

    @property
    def seconds_before(self) -> float:
        """How long the earlier attempts of this submission lasted together."""
        return sum(attempt.seconds for attempt in self._own)

    @property
    def crashes(self) -> int:
        """How many of the earlier attempts of this submission crashed."""
        return sum(attempt.ended == "" for attempt in self._own)

    @property
    def retried(self) -> int:
        """How many of the earlier attempts of this submission ended by themselves, not from outside."""
        return sum(attempt.ended != "preempted" for attempt in self._own)

    @property
    def _own(self) -> list[Attempt]:
        return [attempt for attempt in self._before if attempt.token == self._this.token]

    def begin_anew(self) -> None:
        """Forget the attempts of a run that was moved aside."""
        self._before = []

    def save(self, ended: Ending = "") -> None:
        """Write them down, with how long this one has lasted, and how it ended if it did."""
        self._this.seconds = round(self.seconds, 1)
        self._this.ended = ended
        write_json(self._file, {"attempts": [attrs.asdict(each) for each in (*self._before, self._this)]})


def attempt(token: str, call: str, app: str, gpu: str) -> Attempt:
    """Return an attempt that begins now."""
    return Attempt(token=token, call=call, app=app, gpu=gpu, started=now())
