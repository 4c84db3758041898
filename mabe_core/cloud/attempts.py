"""The attempts at a run in the cloud: how long each lasted and how it ended.

They are kept where every container of a submission finds them, whatever became of the one before: in the
shared store. `cloud.json` in the run directory tells them to people, with those of earlier submissions.
"""

from __future__ import annotations

import itertools
import json
import time
from pathlib import Path
from typing import Literal

import attrs
import cattrs

from mabe_core.cloud.request import CloudRequest
from mabe_core.cloud.service import Store
from mabe_core.runs.files import read_json, write_json

FILE = "cloud.json"
Ending = Literal["", "finished", "failed", "preempted", "time limit", "stopped"]


class AttemptOver(RuntimeError):
    """An attempt has to end and another should follow: raised, so that the cloud tries again."""

    def __init__(self, message: str, ended: Ending) -> None:
        super().__init__(message)
        self.ended = ended


@attrs.define(kw_only=True)
class Attempt:
    """One container's try. ended: empty while it runs, and for good where it crashed.

    began: seconds since 1970. seconds: how long it has lasted, as far as it could tell.
    """

    token: str
    call: str
    gpu: str
    began: float
    seconds: float = 0.0
    ended: Ending = ""


class Attempts:
    """The attempts at a run; this one is the last of them, and counts from its first moment."""

    def __init__(self, store: Store, request: CloudRequest, call: str, file: Path) -> None:
        self._store, self._file = store, file
        self._key = f"attempts/{request.token}"
        self._limit = request.cloud.attempt_seconds
        self._this = Attempt(token=request.token, call=call, gpu=request.cloud.gpu, began=time.time())
        self._monotonic = time.monotonic()
        told = store.get(self._key)
        self._before = cattrs.structure(json.loads(told), list[Attempt]) if told else []
        self._keep()

    @property
    def is_first(self) -> bool:
        """Tell whether this is the first attempt of its submission."""
        return not self._before

    @property
    def number(self) -> int:
        """Which attempt of its submission this is, from 1."""
        return len(self._before) + 1

    @property
    def seconds(self) -> float:
        """How long this attempt has lasted."""
        return time.monotonic() - self._monotonic

    @property
    def seconds_before(self) -> float:
        """How long the earlier attempts lasted together; one that crashed, until the next began at most."""
        followed = itertools.pairwise([*self._before, self._this])
        return sum(
            each.seconds if each.ended else min(max(after.began - each.began, each.seconds), self._limit)
            for each, after in followed
        )

    @property
    def crashes(self) -> int:
        """How many of the earlier attempts crashed."""
        return sum(attempt.ended == "" for attempt in self._before)

    @property
    def retried(self) -> int:
        """How many of the earlier attempts ended by themselves, not from outside."""
        return sum(attempt.ended != "preempted" for attempt in self._before)

    def save(self, ended: Ending = "") -> None:
        """Note how long this one has lasted, and how it ended if it did."""
        self._this.seconds = round(self.seconds, 1)
        self._this.ended = ended
        self._keep()

    def tell(self) -> None:
        """Write them into the run directory."""
        told = read_json(self._file)
        kept = told.get("attempts", []) if isinstance(told, dict) else []
        others = [attempt for attempt in kept if attempt.get("token") != self._this.token]
        write_json(self._file, {"attempts": [*others, *self._own]})

    @property
    def _own(self) -> list[dict[str, object]]:
        return [attrs.asdict(each) for each in (*self._before, self._this)]

    def _keep(self) -> None:
        self._store.put(self._key, json.dumps(self._own))
