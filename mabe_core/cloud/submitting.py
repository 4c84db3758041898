"""Sends an experiment to the cloud, or finds the submission that runs it already."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Literal

import attrs

from mabe_core.cloud.claims import LAUNCH_PATIENCE, RENEW_EVERY, Claim, Claims
from mabe_core.cloud.packing import Packed
from mabe_core.cloud.runs import read_cloud_record
from mabe_core.cloud.service import Account, Call, CloudError, ConnectionLostError, Launch
from mabe_core.errors import UserError


@attrs.frozen
class Submitted:
    """What became of a submission. claim: by which it is watched; none where the run is finished."""

    state: Literal["launched", "running", "finished"]
    claim: Claim | None = None


def submit(account: Account, packed: Packed, launch: Launch, tell: Callable[[str], None]) -> Submitted:
    """Launch an experiment unless it runs already, or is finished.

    Of several who do this at once, one launches it, and the others are given what that one launched.
    """
    request = packed.request
    claims = Claims(account.store(request.cloud.volume, create=True))
    while True:
        before = claims.current(request.id)
        if before is not None and is_live(account, claims, before, tell):
            if request.fresh:
                raise UserError(f"{request.id} runs; `mabe stop {request.id}` first, then `--fresh`")
            claim = claims.again(before)
            if claim is not None and claim.started is not None:
                return Submitted("running", claim)
            continue
        files = account.files(request.cloud.volume)
        record = None if files is None or request.fresh else read_cloud_record(files, request.id)
        if record is not None and record.state == "finished":
            return Submitted("finished")
        claim = claims.take(request, after=before)
        if claim is not None:
            return _launched(account, claims, claim, packed, launch)


def _launched(account: Account, claims: Claims, claim: Claim, packed: Packed, launch: Launch) -> Submitted:
    """Launch what is claimed; where somebody took over meanwhile, what that one launched counts."""
    mine = claim

    def started(call: Call) -> None:
        nonlocal mine
        mine = attrs.evolve(claim, call=call.call, app=call.app)
        if claims.again(claim) is not None:
            claims.save(mine)

    try:
        with _renewed(claims, claim):
            launch(packed, started)
    except BaseException:
        if mine.started is None:
            claims.save(attrs.evolve(claim, renewed=0.0))  # the next one need not wait
        raise
    assert mine.started is not None, "what was launched was told"
    if claims.again(claim) is None:
        account.cancel(mine.started)
        return Submitted("running", claims.current(claim.id))
    return Submitted("launched", mine)


def is_live(
    account: Account, claims: Claims, claim: Claim, tell: Callable[[str], None] = lambda _: None
) -> bool:
    """Tell whether a claim still counts: its call runs, or whoever launches it shows to be alive.

    Where nothing was launched yet, waits for that, or until the launcher has been silent for long enough.
    """
    if claim.started is not None:
        return account.state(claim.call, 0).state == "running"
    if time.time() - claim.renewed > 20 * LAUNCH_PATIENCE:  # whatever the clocks of two machines say
        return False
    tell(f"{claim.id} is being launched from {claim.host}; waiting for it")
    renewed, heard = claim.renewed, time.monotonic()
    while time.monotonic() - heard < LAUNCH_PATIENCE:
        now = claims.again(claim)
        if now is None or now.started is not None:
            return True
        if now.renewed != renewed:
            renewed, heard = now.renewed, time.monotonic()
        time.sleep(1)
    return False


@contextlib.contextmanager
def _renewed(claims: Claims, claim: Claim) -> Iterator[None]:
    """Show that whoever holds a claim is alive, while an image is built."""
    over = threading.Event()

    def renew() -> None:
        while not over.wait(RENEW_EVERY):
            try:
                now = claims.again(claim)
                if now is None or now.started is not None:
                    return
                claims.save(attrs.evolve(now, renewed=time.time()))
            except (CloudError, ConnectionLostError):
                continue  # the next sign of life will do

    thread = threading.Thread(target=renew, name="mabe-claim", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(timeout=10)
