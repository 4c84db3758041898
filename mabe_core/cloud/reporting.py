"""The thread in a container that tells how far the run is, and listens for a request to stop."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from mabe_core.cloud.claims import Claim, Claims
from mabe_core.cloud.signals import Progress, progress_key
from mabe_core.training.events import Event
from mabe_core.training.interruption import StopRequest

# seconds between two tellings, and between two looks at the claim; each is a call over the network
TELL_EVERY = 1.0
LISTEN_EVERY = 3.0


class Reporter:
    """Sends progress and hears what is asked; a connection that fails now and then does no harm.

    superseded: whether another submission has taken over, so that this one has to end.
    """

    def __init__(
        self, claims: Claims, claim: Claim, progress: Progress, stop: StopRequest, warn: Callable[[str], None]
    ) -> None:
        self.superseded = False
        self._claims, self._claim, self._progress = claims, claim, progress
        self._stop, self._warn = stop, warn
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._failed = False

    def __call__(self, event: Event) -> None:
        """Take in an event, to be sent with the next telling."""
        with self._lock:
            self._progress.add(event)

    @contextlib.contextmanager
    def working(self) -> Iterator[Reporter]:
        """Tell and listen until the block ends; the last events are told before it does."""
        thread = threading.Thread(target=self._work, name="mabe-reporter", daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._over.set()
            thread.join(timeout=10)

    def _work(self) -> None:
        told, listened = "", 0.0
        while True:
            over = self._over.wait(TELL_EVERY)
            with self._lock:
                text = self._progress.to_text()
            if text != told and self._trying(lambda text=text: self._tell(text)):  # type: ignore[misc]
                told = text
            if over:
                return
            if time.monotonic() - listened >= LISTEN_EVERY:
                self._trying(self._listen)
                listened = time.monotonic()

    def _tell(self, text: str) -> None:
        self._claims.store.put(progress_key(self._claim.id), text)

    def _listen(self) -> None:
        claim = self._claims.again(self._claim)
        self.superseded = claim is None
        if claim is None or self._claims.asked_to_stop(claim):
            self._stop.ask()

    def _trying(self, act: Callable[[], None]) -> bool:
        try:
            act()
        except Exception as error:  # noqa: BLE001 - a network raises anything; the run does not depend on it
            if not self._failed:
                told = f"{type(error).__name__}: {error}"
                self._warn(f"progress cannot be told for now ({told}); the run goes on")
            self._failed = True
            return False
        self._failed = False
        return True
