"""Runs the members of a study in the cloud: launched together, watched from here, going on without us."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import attrs

from mabe_core.cloud.claims import Claim, Claims
from mabe_core.cloud.outcome import Outcome
from mabe_core.cloud.packing import pack, together
from mabe_core.cloud.runs import TOGETHER, cloud_runs, read_cloud_record
from mabe_core.cloud.service import Account, CallState, ConnectionLostError, Files
from mabe_core.cloud.signals import Follower, progress_key
from mabe_core.cloud.submitting import submit
from mabe_core.cloud.watching import RECONNECT, outcome_of
from mabe_core.errors import UserError
from mabe_core.registry import Registry
from mabe_core.studies.display import StudyDisplay
from mabe_core.studies.expansion import MemberExperiment
from mabe_core.studies.here import Source
from mabe_core.studies.states import MemberState

# seconds between two looks at all members
LOOK_EVERY = 0.5


@attrs.define(eq=False)
class _Watched:
    """A member that runs, or waits for a container. began: whether anything was heard."""

    member: MemberExperiment
    claim: Claim
    follower: Follower
    began: bool = False


@attrs.frozen(eq=False)
class CloudPlace:
    """Where members are run. study: its id; most: containers at once that one launch may use."""

    account: Account
    volume: str
    registry: Registry
    study: str
    most: int
    fresh: bool

    @property
    def claims(self) -> Claims:
        return Claims(self.account.store(self.volume, create=True))

    @property
    def files(self) -> Files:
        files = self.account.files(self.volume, create=True)
        assert files is not None, "it was created"
        return files


def run_in_cloud(
    place: CloudPlace, source: Source, display: StudyDisplay, *, detach: bool
) -> dict[str, Outcome]:
    """Run members until there are no more; return how each ended, by id.

    detach: return once all are launched; then only those that were finished already have ended. Members that
    run already are watched with the rest. What is launched goes on whatever becomes of this process.
    """
    running: dict[str, _Watched] = {}
    outcomes: dict[str, Outcome] = {}
    claims, files = place.claims, place.files

    def end(member: MemberExperiment, outcome: Outcome) -> None:
        outcomes[member.id] = outcome
        record = read_cloud_record(files, member.id)
        state = record.state if record else "new"
        display.ended(member, outcome, MemberState(state, record))
        source.ended(member, outcome)

    while True:
        batch: list[MemberExperiment] = []
        while len(running) + len(batch) < place.most and (more := source.more()):
            batch.extend(more)
        for member, claim in _submitted(place, batch, display):
            if claim is None:
                end(member, Outcome(state="finished"))
            else:
                running[member.id] = _Watched(member, claim, Follower(claim.token))
        if detach or not (running or batch):
            return outcomes
        for watched, outcome in _look_at(place, claims, running, display):
            del running[watched.member.id]
            end(watched.member, outcome)


def _submitted(
    place: CloudPlace, members: Sequence[MemberExperiment], display: StudyDisplay
) -> list[tuple[MemberExperiment, Claim | None]]:
    """Launch those members that neither run nor are finished; return each with its claim, if it has one."""
    if not members:
        return []
    found = cloud_runs(place.account, place.volume, [member.id for member in members])
    ended: list[tuple[MemberExperiment, Claim | None]] = []
    missing = []
    for member, run in zip(members, found, strict=True):
        going_on = run.state in ("running", "starting")
        if going_on and place.fresh:
            raise UserError(f"{member.id} runs; `mabe stop {member.id}` first, then `--fresh`")
        if going_on and run.claim is not None and run.claim.started is not None:
            ended.append((member, run.claim))
        elif run.state == "finished" and not place.fresh:
            ended.append((member, None))
        else:
            missing.append(member)
    if missing:
        ended.extend(_launched(place, missing, display))
    return ended


def _launched(
    place: CloudPlace, members: Sequence[MemberExperiment], display: StudyDisplay
) -> list[tuple[MemberExperiment, Claim | None]]:
    """Launch members in one app, whose function runs so many at once as the place allows."""
    with tempfile.TemporaryDirectory() as folder:
        packed = [
            pack(member.experiment, place.registry, Path(folder), fresh=place.fresh) for member in members
        ]
        with place.account.launching(together(place.study, packed), place.most) as launch:
            return [
                (member, submit(place.account, each, launch, display.say).claim)
                for member, each in zip(members, packed, strict=True)
            ]


def _look_at(
    place: CloudPlace, claims: Claims, running: dict[str, _Watched], display: StudyDisplay
) -> list[tuple[_Watched, Outcome]]:
    """Show what is new of all that run; return those that are over.

    Raises ConnectionLostError where the cloud was out of reach for long; they go on.
    """
    store = claims.store
    began = time.monotonic()

    def ask(watched: _Watched) -> tuple[_Watched, CallState, str | None]:
        state = place.account.state(watched.claim.call, 0)
        return watched, state, store.get(progress_key(watched.member.id))

    while True:
        time.sleep(LOOK_EVERY)
        try:
            with ThreadPoolExecutor(TOGETHER) as pool:
                answers = list(pool.map(ask, running.values()))
            break
        except ConnectionLostError:
            if time.monotonic() - began > RECONNECT:
                raise
    over = []
    for watched, state, text in answers:
        for event in watched.follower.new(text):
            if not watched.began:
                watched.began = True
                display.began(watched.member)
            display.event(watched.member, event)
        if state.state != "running":
            over.append((watched, outcome_of(state, claims.asked_to_stop(watched.claim))))
    return over
