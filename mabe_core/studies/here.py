"""Runs the members of a study on this machine, some at once, each in a process of its own."""

from __future__ import annotations

import queue
import time
from collections.abc import Sequence
from typing import Protocol

from mabe_core.cloud.outcome import Outcome
from mabe_core.studies.expansion import MemberExperiment
from mabe_core.studies.place import Place
from mabe_core.studies.states import MemberState, state_of
from mabe_core.studies.worker import Message, Worker
from mabe_core.training.events import Event
from mabe_core.training.interruption import StopRequest

# seconds between two looks at members that others run
LOOK_EVERY = 1.0
# seconds that members may take to finish their step and save; then they are ended
PATIENCE = 300.0


class Display(Protocol):
    """What is told of members as they go on."""

    def began(self, member: MemberExperiment) -> None: ...

    def event(self, member: MemberExperiment, event: Event) -> None: ...

    def ended(self, member: MemberExperiment, outcome: Outcome, stands: MemberState) -> None: ...

    def waiting(self, members: Sequence[MemberExperiment]) -> None:
        """Tell that members are run by other processes."""
        ...

    def stopping(self) -> None:
        """Tell that members save and end."""
        ...


class Source(Protocol):
    """Where members come from."""

    def more(self) -> Sequence[MemberExperiment]:
        """Return the next members to run; none where there are no more for now."""
        ...

    def ended(self, member: MemberExperiment, outcome: Outcome) -> None:
        """Take notice of how a member ended."""
        ...


class AllAtOnce:
    """Members that are known from the first."""

    def __init__(self, members: Sequence[MemberExperiment]) -> None:
        self._members = members

    def more(self) -> Sequence[MemberExperiment]:
        """Return all members, once."""
        members, self._members = self._members, ()
        return members

    def ended(self, member: MemberExperiment, outcome: Outcome) -> None:
        """Take no notice."""


def run_here(place: Place, source: Source, display: Display, stop: StopRequest) -> dict[str, Outcome]:
    """Run members until there are no more or a stop is asked for; return how each ended, by id.

    A member that another process runs is waited for. Asked to stop, all members save first.
    """
    return _Running(place, source, display, stop).run()


class _Running:
    def __init__(self, place: Place, source: Source, display: Display, stop: StopRequest) -> None:
        self._place, self._source, self._display, self._stop = place, source, display, stop
        self._pending: list[MemberExperiment] = []
        self._members: dict[str, MemberExperiment] = {}
        self._workers: dict[str, Worker] = {}
        self._messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._outcomes: dict[str, Outcome] = {}
        self._next_look = 0.0

    def run(self) -> dict[str, Outcome]:
        try:
            while not self._stop.asked and self._fill():
                self._hear(0.2)
            self._wind_up()
        finally:
            for worker in self._workers.values():
                worker.kill()
        return self._outcomes

    def _fill(self) -> bool:
        """Start members while there is room; tell whether anything is going on or waited for."""
        while len(self._workers) < self._place.jobs and time.monotonic() >= self._next_look:
            if not self._pending:
                self._pending = list(self._source.more())
                if not self._pending:
                    break
            if not self._start_one():
                self._next_look = time.monotonic() + LOOK_EVERY
                if not self._workers:
                    self._display.waiting(self._pending)
        return bool(self._workers or self._pending)

    def _start_one(self) -> bool:
        """Start the first member that nobody else runs; tell whether there was one."""
        for member in self._pending:
            if member.id in self._workers:
                continue
            stands = state_of(self._place.run_of(member))
            if stands.state == "running":
                continue
            self._pending.remove(member)
            if stands.state == "finished" and (not self._place.fresh or member.id in self._outcomes):
                self._end(member, Outcome(state="finished"))
                return True
            self._members[member.id] = member
            self._display.began(member)
            self._workers[member.id] = Worker(
                self._place.order(member), self._place.environment, self._messages
            )
            return True
        return False

    def _hear(self, seconds: float) -> None:
        """Take what members tell, waiting so long for the first of it."""
        try:
            member_id, message = self._messages.get(timeout=seconds)
        except queue.Empty:
            return
        member = self._members[member_id]
        if not isinstance(message, Outcome):
            self._display.event(member, message)
            return
        del self._workers[member_id]
        if message.state == "superseded":  # somebody else was quicker
            self._pending.insert(0, member)
            self._display.waiting([member])
            return
        self._end(member, message)

    def _end(self, member: MemberExperiment, outcome: Outcome) -> None:
        self._outcomes[member.id] = outcome
        self._display.ended(member, outcome, state_of(self._place.run_of(member)))
        self._source.ended(member, outcome)

    def _wind_up(self) -> None:
        """Let members that are still going on save and end."""
        if self._workers:
            self._display.stopping()
        for worker in self._workers.values():
            worker.ask_to_stop()
        end = time.monotonic() + PATIENCE
        while self._workers and time.monotonic() < end:
            self._hear(0.2)
