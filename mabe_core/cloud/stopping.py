"""Stops a run in the cloud: asks it to save and end, and ends it if it does not."""

from __future__ import annotations

import time

import attrs

from mabe_core.cloud.claims import Claim, Claims
from mabe_core.cloud.service import Account
from mabe_core.cloud.signals import Follower, progress_key

# seconds that a run may take to hear of it, finish its step, save and commit
PATIENCE = 60.0


def stop(account: Account, claims: Claims, claim: Claim) -> bool:
    """Stop what a claim started; tell whether it could save before. Returns once it is over."""
    assert claim.started is not None, "something was launched"
    follower = Follower(claim.token)
    heard = list(follower.new(claims.store.get(progress_key(claim.id))))
    if heard:  # a container is at it
        claims.save(attrs.evolve(claim, stop=True))
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if account.state(claim.call, 1.0).state != "running":
                return True
    account.cancel(claim.started)
    return False
