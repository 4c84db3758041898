"""Ctrl-C, SIGTERM and a closed terminal: finish the step, save, then end."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

from mabe_core.errors import MabeError

# a closed terminal sends SIGHUP, which Windows does not know
SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class Interrupted(MabeError):
    """Somebody asked the run to stop; it was saved. The exit status is 128 and the signal's number."""

    def __init__(self, signum: int, message: str) -> None:
        super().__init__(f"{message}. The same command goes on from there")
        self.exit_code = 128 + signum


class StopRequest:
    """Whether a signal has asked to stop."""

    def __init__(self) -> None:
        self.signum: int | None = None

    def check(self, when: str) -> None:
        """Raise Interrupted where a stop was asked for."""
        if self.signum is not None:
            raise Interrupted(self.signum, f"stopped {when}")

    @contextlib.contextmanager
    def listening(self) -> Iterator[StopRequest]:
        """Take these signals as a request; a second one ends at once. Only a main thread listens."""
        if threading.current_thread() is not threading.main_thread():
            yield self
            return
        before = {number: signal.getsignal(number) for number in SIGNALS}

        def request(signum: int, _: FrameType | None) -> None:
            if self.signum is not None:
                raise Interrupted(signum, "ended at once; what was saved stays")
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
