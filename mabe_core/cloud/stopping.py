"""Stops a run in the cloud: asks it to save and end, and ends it if it does not."""

from __future__ import annotations

import time

from mabe_core.cloud.claims import Claim, Claims
from mabe_core.cloud.service import Account, CallState, ConnectionLostError
from mabe_core.cloud.signals import Follower, progress_key

# seconds that a run may take to hear of it, finish its step, save and commit
PATIENCE = 60.0


def stop(account: Account, claims: Claims, claim: Claim) -> CallState | None:
    """Stop what a claim started; return how it ended, or None where it had to be ended from outside."""
    assert claim.started is not None, "something was launched"
    claims.ask_to_stop(claim)
    heard = list(Follower(claim.token).new(claims.store.get(progress_key(claim.id))))
    if heard:  # a container is at it
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                state = account.state(claim.call, 1.0)
            except ConnectionLostError:
                time.sleep(1.0)
                continue
            if state.state != "running":
                return state
    account.cancel(claim.started)
    return None
