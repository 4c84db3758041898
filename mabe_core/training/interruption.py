"""Ctrl-C, SIGTERM, a closed terminal, a limit of time: finish the step, save, then end."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType

from mabe_core.errors import MabeError

# a closed terminal sends SIGHUP, which Windows does not know
SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class Interrupted(MabeError):
    """Somebody asked the run to stop; it was saved. The exit status is 128 and the signal's number."""

    def __init__(self, message: str, signum: int | None = None) -> None:
        super().__init__(f"{message}. The same command goes on from there")
        self.exit_code = 1 if signum is None else 128 + signum


class StopRequest:
    """Whether a signal, somebody, or the clock has asked to stop.

    deadline: when to stop at the latest, on the clock of `time.monotonic`.
    """

    def __init__(self, deadline: float | None = None) -> None:
        self.signum: int | None = None
        self.deadline = deadline
        self._somebody = False

    def ask(self) -> None:
        """Ask to stop after this step; from any thread."""
        self._somebody = True

    @property
    def asked(self) -> bool:
        """Tell whether to stop."""
        return self.signum is not None or self._somebody or self.out_of_time

    @property
    def out_of_time(self) -> bool:
        """Tell whether the deadline has passed."""
        return self.deadline is not None and time.monotonic() >= self.deadline

    def check(self, when: str) -> None:
        """Raise Interrupted where a stop was asked for."""
        if self.asked:
            raise self.interrupted(f"stopped {when}")

    def interrupted(self, message: str) -> Interrupted:
        """Return the error that ends the run once it is saved."""
        return Interrupted(message, self.signum)

    @contextlib.contextmanager
    def listening(self) -> Iterator[StopRequest]:
        """Take these signals as a request; a second one ends at once. Only a main thread listens."""
        if threading.current_thread() is not threading.main_thread():
            yield self
            return
        before = {number: signal.getsignal(number) for number in SIGNALS}

        def request(signum: int, _: FrameType | None) -> None:
            if self.signum is not None:
                raise Interrupted("ended at once; what was saved stays", signum)
            self.signum = signum
            os.write(
                sys.stderr.fileno(), b"\nstopping once this step is done and saved; again ends at once\n"
            )

        for number in before:
            signal.signal(number, request)
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
