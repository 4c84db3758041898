"""Ctrl-C and SIGTERM: finish the step, save, then end."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from mabe_core.errors import MabeError


class Interrupted(MabeError):
    """Somebody asked the run to stop; it was saved. The exit status is 128 and the signal's number."""

    def __init__(self, signum: int, message: str) -> None:
        super().__init__(message)
        self.exit_code = 128 + signum


class StopRequest:
    """Whether a signal has asked to stop."""

    def __init__(self) -> None:
        self.signum: int | None = None

    @contextlib.contextmanager
    def listening(self) -> Iterator[StopRequest]:
        """Take SIGINT and SIGTERM as a request; a second one ends at once. Only a main thread listens."""
        if threading.current_thread() is not threading.main_thread():
            yield self
            return
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

        def request(signum: int, _: FrameType | None) -> None:
            if self.signum is not None:
                signal.signal(signum, signal.SIG_DFL)
                signal.raise_signal(signum)
            self.signum = signum

        for number in before:
            signal.signal(number, request)
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
