"""`mabe` in processes that are forked from one that has imported Modal's client, which is most of a short command.

Run as a program it is that one: for each line of JSON on its input it forks, waits, and prints the exit code.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.conftest import ROOT, Outcome
from tests.modal_server.running import environment_without_modal


class ReadyMabe:
    """Runs `mabe` in a fork of a process that is ready for it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.cloud.ready"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment_without_modal() | {"MODAL_CONFIG_PATH": os.devnull},
            cwd=ROOT,
            bufsize=0,
        )

    def run(self, words: list[str], environment: dict[str, str], folder: Path, timeout: float) -> Outcome:
        """Run a command to its end; raises TimeoutExpired."""
        with tempfile.TemporaryDirectory() as told:
            asked = {"words": words, "environment": environment, "folder": str(folder), "told": told}
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(json.dumps(asked).encode() + b"\n")
            if not select.select([self._process.stdout], [], [], timeout)[0]:
                self.close()
                raise subprocess.TimeoutExpired(words, timeout)
            code = int(self._process.stdout.readline())
            return Outcome(
                code, *((Path(told) / name).read_text(encoding="utf-8") for name in ("out", "err"))
            )

    def close(self) -> None:
        """End it, and the command that it waits for."""
        self._process.kill()
        self._process.communicate()


def serve() -> None:
    """Fork for each command that is asked for."""
    import modal_runner  # noqa: F401 - what a short command waits for
    from mabe_core.cli import main
    from mabe_core.discovery import load_plugins

    load_plugins(())
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if child == 0:
            become(asked)
            main()
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(code, flush=True)


def become(asked: dict[str, Any]) -> None:
    """Take on what a new process would be given: words, environment, folder, where its output goes."""
    from ctypes import CDLL

    CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: it ends with whoever forked it
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.path[1:1] = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    os.chdir(asked["folder"])
    places = [os.open(os.devnull, os.O_RDONLY)]
    places += [os.open(Path(asked["told"]) / name, os.O_WRONLY | os.O_CREAT) for name in ("out", "err")]
    for number, place in enumerate(places):
        os.dup2(place, number)
        os.close(place)
    sys.argv = ["mabe", *asked["words"]]


if __name__ == "__main__":
    serve()
