"""Runs the loopback server as a process of its own, for tests: start, look, plan faults, kill, restart, stop.

Standard library only, so that a plugin's tests can use it wherever the server's own requirements are installed.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

_REPOSITORY = Path(__file__).resolve().parents[2]
_START_SECONDS = 30.0
T = TypeVar("T")


class LoopbackServer:
    """`with LoopbackServer() as server: subprocess.run(…, env=os.environ | server.environment)`.

    `options` go to the command line: `background_commits=1` becomes `--background-commits 1`.
    """

    def __init__(self, folder: Path | None = None, **options: object) -> None:
        self._own_folder = folder is None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="modal-server-"))
        self.outside = self.folder / "outside"
        self._options = options
        self._process: subprocess.Popen[str] | None = None
        self._port = 0
        self._control = ""
        self.environment: dict[str, str] = {}

    def __enter__(self) -> LoopbackServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the server, at the same port as before if it ran before, and wait until it is ready."""
        options = {"folder": self.folder, "port": self._port, "outside": self.outside, **self._options}
        flags = [
            f"--{name.replace('_', '-')}={value}" for name, value in options.items() if value is not None
        ]
        self.log = self.folder / "server.log"
        self.outside.mkdir(parents=True, exist_ok=True)
        with self.log.open("a") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.modal_server", *flags],
                cwd=_REPOSITORY,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("export "):
                name, _, value = line.removeprefix("export ").strip().partition("=")
                self.environment[name] = value
            elif line.startswith("# control: "):
                self._control = line.removeprefix("# control: ").strip()
            elif line.strip() == "ready":
                break
        else:
            raise RuntimeError(f"The loopback server did not start: {self.log.read_text()[-2000:]}")
        self._port = int(self.environment["MODAL_SERVER_URL"].rpartition(":")[2])

    def stop(self) -> None:
        """End the server and its containers; delete the folder if it was made here."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=15)
            self.kill_server()
        if self._own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def kill_server(self) -> None:
        """Kill the server as a crash would; its containers die with it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None

    def restart(self) -> None:
        """Start again at the same port, on the same folder."""
        self.kill_server()
        self.start()

    def tasks(self) -> list[dict[str, Any]]:
        """Return the containers, first started first, ended ones included."""
        return list(self._ask("GET", "tasks"))

    def at_work(self) -> list[str]:
        """Return the containers that work on an input."""
        return [str(task["id"]) for task in self.tasks() if task["state"] == "running"]

    def calls(self) -> list[dict[str, Any]]:
        """Return the function calls with the state of their inputs."""
        return list(self._ask("GET", "calls"))

    def apps(self) -> list[dict[str, Any]]:
        return list(self._ask("GET", "apps"))

    def logs(self, app: str) -> str:
        """Return all that an app's containers printed so far."""
        return str(self._ask("GET", "logs", app=app))

    def committed(self, volume: str, path: str) -> bytes | None:
        """Return a file of a volume as containers have published it, from where the server keeps it."""
        for about in (self.folder / "storage" / "volumes").glob("*/about.json"):
            if json.loads(about.read_bytes())["name"] == volume:
                file = about.parent / "files" / path
                return file.read_bytes() if file.is_file() else None
        return None

    def preempt(self, task: str) -> None:
        """Take a container away, as Modal does with SIGINT; its input runs again elsewhere."""
        self._ask("POST", "preempt", task=task)

    def kill(self, task: str) -> None:
        """Kill a container with SIGKILL."""
        self._ask("POST", "kill", task=task)

    def refuse(self, rpc: str, status: str = "UNAVAILABLE", times: int = 1) -> None:
        """Refuse the next calls of an RPC; `*` stands for every RPC."""
        self._ask("POST", "refuse", rpc=rpc, status=status, times=times)

    def delay(self, rpc: str, seconds: float, times: int = 1) -> None:
        """Answer the next calls of an RPC late."""
        self._ask("POST", "delay", rpc=rpc, seconds=seconds, times=times)

    def reject_token(self) -> None:
        """Answer every call from outside with UNAUTHENTICATED."""
        self._ask("POST", "reject-token")

    def capacity(self, containers: int) -> None:
        """Let no more than so many containers run; 0 leaves every input queued."""
        self._ask("POST", "capacity", containers=containers)

    def clear_faults(self) -> None:
        self._ask("DELETE", "faults")

    def wait_for(self, look: Callable[[], T | None], seconds: float = 30.0) -> T:
        """Look again and again until there is something; raises TimeoutError with the server's log."""
        deadline = time.monotonic() + seconds
        while not (found := look()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"nothing came of {look}; {self.tasks()} {self.log.read_text()[-2000:]}")
            time.sleep(0.05)
        return found

    def running_task(self, seconds: float = 30.0) -> dict[str, Any]:
        """Wait for a container that works on an input, and return the newest."""

        def newest() -> dict[str, Any] | None:
            return next((task for task in reversed(self.tasks()) if task["state"] == "running"), None)

        return self.wait_for(newest, seconds)

    def _ask(self, method: str, what: str, **query: object) -> Any:
        url = f"{self._control}{what}?{urllib.parse.urlencode(query)}"
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback needs no proxy
        with direct.open(urllib.request.Request(url, method=method), timeout=30) as reply:
            return json.loads(reply.read())


def environment_without_modal() -> dict[str, str]:
    """Return this process's environment without settings of Modal's client."""
    return {name: value for name, value in os.environ.items() if not name.startswith("MODAL_")}
