"""A member's process as whoever started it sees it: its events, how it ended, how to stop it."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping

import attrs
import cattrs

from mabe_core.cloud.outcome import Outcome
from mabe_core.cloud.signals import from_plain
from mabe_core.studies.member import OUTCOME, Order
from mabe_core.training.events import Event

# lines of what a process said before it died that are told
LAST_LINES = 12

Message = tuple[str, Event | Outcome]


class Worker:
    """A process that runs one member; its events, and last its outcome, are put into a queue."""

    def __init__(
        self, order: Order, environment: Mapping[str, str], messages: queue.SimpleQueue[Message]
    ) -> None:
        self._id = order.id
        self._messages = messages
        self._told = tempfile.TemporaryFile()  # noqa: SIM115 - closed once the process has ended
        self._process = subprocess.Popen(
            # -P: what lies in the working folder must not be taken for a library
            [sys.executable, "-P", "-m", "mabe_core.studies.member"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._told,
            env={**os.environ, **environment},
            # Ctrl-C is for whoever started it, who then asks it to stop
            start_new_session=True,
        )
        assert self._process.stdin is not None, "it is a pipe"
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(attrs.asdict(order)).encode() + b"\n")
            self._process.stdin.flush()
        self._thread = threading.Thread(target=self._read, name=f"mabe-{order.id}", daemon=True)
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Ask it to save and stop."""
        assert self._process.stdin is not None, "it is a pipe"
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def kill(self) -> None:
        """End it at once; what it saved stays."""
        self._process.kill()
        self._process.wait()

    def _read(self) -> None:
        assert self._process.stdout is not None, "it is a pipe"
        outcome = None
        with self._process.stdout as lines:
            for line in lines:
                if not line.endswith(b"\n"):  # torn by its end
                    break
                name, values = json.loads(line)
                if name == OUTCOME:
                    outcome = cattrs.structure(values, Outcome)
                else:
                    for event in from_plain(name, values):
                        self._messages.put((self._id, event))
        status = self._process.wait()
        self.ask_to_stop()  # which closes the pipe
        outcome = outcome or self._died(status)
        self._told.close()
        self._messages.put((self._id, outcome))

    def _died(self, status: int) -> Outcome:
        self._told.seek(0)
        last = self._told.read().decode(errors="replace").splitlines()[-LAST_LINES:]
        how = f"by signal {-status}" if status < 0 else f"with status {status}"
        told = f"its process ended {how}; what was saved stays, and the same command goes on from there"
        return Outcome(state="failed", problems=(told, *last), exit_code=1)
