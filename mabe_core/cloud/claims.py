"""Who runs an experiment in the cloud: one submission at a time, found again by experiment id.

A claim is put under `claim/<id>/<number>` unless there is one, which of many clients one achieves. Whoever
takes over from a claim that is over puts the next number; so nothing is ever deleted, and two that take over
at once cannot both succeed. The highest number counts.
"""

from __future__ import annotations

import json
import platform
import re
import time

import attrs
import cattrs

from mabe_core.cloud.request import CloudRequest
from mabe_core.cloud.service import Call, Store
from mabe_core.runs.identity import EXPERIMENT_ID
from mabe_core.runs.record import now

# seconds between two signs of life of whoever launches, and how long to wait for the next one
RENEW_EVERY = 5.0
LAUNCH_PATIENCE = 30.0

_KEY = re.compile(rf"claim/({EXPERIMENT_ID.pattern})/(\d{{1,9}})")


@attrs.frozen(kw_only=True)
class Claim:
    """One submission of an experiment.

    host: where it was sent from. renewed: when whoever launches it last showed to be alive, in seconds.
    call, app: empty until it is launched.
    """

    id: str
    number: int
    token: str
    gpu: str
    host: str
    launched: str
    renewed: float
    call: str = ""
    app: str = ""

    @property
    def key(self) -> str:
        return f"claim/{self.id}/{self.number}"

    @property
    def stop_key(self) -> str:
        return f"stop/{self.id}/{self.number}"

    @property
    def started(self) -> Call | None:
        """What was launched, if it was."""
        return Call(self.call, self.app) if self.call else None


class Claims:
    """The claims that a store holds."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def all(self) -> dict[str, Claim]:
        """Return the claim that counts of each experiment id."""
        found = (self._read(f"claim/{run_id}/{number}") for run_id, number in self._highest().items())
        return {claim.id: claim for claim in found if claim is not None}

    def current(self, run_id: str) -> Claim | None:
        """Return the claim that counts of one experiment id."""
        number = self._highest().get(run_id)
        return None if number is None else self._read(f"claim/{run_id}/{number}")

    def _highest(self) -> dict[str, int]:
        highest: dict[str, int] = {}
        for key in self.store.list_keys():
            match = _KEY.fullmatch(key)
            if match is not None:
                highest[match[1]] = max(int(match[2]), highest.get(match[1], 0))
        return highest

    def again(self, claim: Claim) -> Claim | None:
        """Return what a claim says now; None where another one counts, or it is gone."""
        if self.store.get(attrs.evolve(claim, number=claim.number + 1).key) is not None:
            return None
        return self._read(claim.key)

    def take(self, request: CloudRequest, after: Claim | None) -> Claim | None:
        """Claim an experiment, after a claim that is over; None where somebody else was quicker."""
        claim = Claim(
            id=request.id,
            number=1 if after is None else after.number + 1,
            token=request.token,
            gpu=request.cloud.gpu,
            host=platform.node(),
            launched=now(),
            renewed=time.time(),
        )
        return claim if self.store.put_new(claim.key, json.dumps(attrs.asdict(claim))) else None

    def save(self, claim: Claim) -> Claim:
        """Write what a claim says now."""
        self.store.put(claim.key, json.dumps(attrs.asdict(claim)))
        return claim

    def ask_to_stop(self, claim: Claim) -> None:
        """Ask what a claim launched, or will, to stop; under a key of its own, so that nothing wipes it."""
        self.store.put(claim.stop_key, now())

    def asked_to_stop(self, claim: Claim) -> bool:
        """Tell whether somebody asked it to stop."""
        return self.store.get(claim.stop_key) is not None

    def _read(self, key: str) -> Claim | None:
        """Return a claim; None where there is none, or another version of this program wrote it."""
        text = self.store.get(key)
        try:
            return None if text is None else cattrs.structure(json.loads(text), Claim)
        except (ValueError, cattrs.BaseValidationError):
            return None
