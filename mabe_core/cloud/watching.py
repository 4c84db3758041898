"""Follows a run in the cloud from here: its progress, and how it ended."""

from __future__ import annotations

import time
from collections.abc import Callable

from mabe_core.cloud.claims import Claim, Claims
from mabe_core.cloud.outcome import Outcome
from mabe_core.cloud.service import Account, CallState, ConnectionLostError, Store
from mabe_core.cloud.signals import Follower, progress_key
from mabe_core.training.events import Observer

# seconds that a call is waited for between two looks at the progress
LOOK_EVERY = 0.5
# how long to try again after the connection was lost; the run goes on all the while
RECONNECT = 600.0


def watch(
    account: Account, store: Store, claim: Claim, observe: Observer, waiting: Callable[[float], None]
) -> Outcome:
    """Show progress until the call is over; return how it ended.

    waiting: told how many seconds nothing was heard since the beginning, until something is.
    Raises ConnectionLostError where the cloud was out of reach for long.
    """
    follower = Follower(claim.token)
    began = heard = time.monotonic()
    while True:
        try:
            state = account.state(claim.call, LOOK_EVERY)
            text = store.get(progress_key(claim.id))
        except ConnectionLostError:
            if time.monotonic() - heard > RECONNECT:
                raise
            time.sleep(LOOK_EVERY)
            continue
        heard = time.monotonic()
        for event in follower.new(text):
            observe(event)
        if not follower.began:
            waiting(time.monotonic() - began)
        if state.state != "running":
            return outcome_of(state, Claims(store).asked_to_stop(claim))


def outcome_of(state: CallState, asked_to_stop: bool) -> Outcome:
    """Return how a call that is over ended; one that was asked to stop was stopped, however Modal puts it."""
    if state.state == "returned":
        return Outcome.from_text(state.result)
    if state.state == "cancelled" or asked_to_stop:
        return Outcome(state="stopped")
    told = (state.result or "Modal no longer knows how it ended").strip().splitlines()[-1]
    problem = f"{told}. What was committed stays: the same command goes on from there"
    return Outcome(state="failed", problems=(problem,), exit_code=1)
