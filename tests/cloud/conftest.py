"""What the tests of the cloud share: a loopback server for all of them, and `mabe` as a client of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from tests.conftest import TINY, Outcome
from tests.modal_server.running import LoopbackServer, environment_without_modal


@attrs.frozen
class Client:
    """Somebody's machine: a folder of runs, the server's address, a volume."""

    server: LoopbackServer
    volume: str
    runs: Path
    folder: Path

    def environment(self) -> dict[str, str]:
        own = {"MABE_RUNS": str(self.runs), "MABE_VOLUME": self.volume, "COLUMNS": "200"}
        return environment_without_modal() | self.server.environment | own

    def __call__(self, *words: object, timeout: float = 120) -> Outcome:
        """Run `mabe` to its end."""
        done = subprocess.run(
            [sys.executable, "-m", "mabe_core.cli", *map(str, words)],
            capture_output=True,
            text=True,
            env=self.environment(),
            cwd=self.folder,
            timeout=timeout,
            check=False,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    def start(self, *words: object) -> subprocess.Popen[str]:
        """Start `mabe` and return at once."""
        return subprocess.Popen(
            [sys.executable, "-m", "mabe_core.cli", *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self.environment(),
            cwd=self.folder,
        )

    def run_cloud(self, experiment: Path, *words: object) -> Outcome:
        """Run an experiment with `--cloud` on this client's volume."""
        return self("run", experiment, "--cloud", "--set", f"cloud.volume={self.volume}", *words)

    def start_cloud(self, experiment: Path, *words: object) -> subprocess.Popen[str]:
        return self.start("run", experiment, "--cloud", "--set", f"cloud.volume={self.volume}", *words)

    def rows(self) -> dict[str, dict[str, Any]]:
        """Return what `mabe runs --cloud --json` says, by id."""
        return {row["id"]: row for row in json.loads(self("runs", "--cloud", "--json").out)}

    def on_volume(self, path: str) -> bytes | None:
        """Return a committed file of the volume."""
        read = "import modal, sys; sys.stdout.buffer.write(b''.join(modal.Volume.from_name(sys.argv[1]).read_file(sys.argv[2])))"
        done = subprocess.run(
            [sys.executable, "-c", read, self.volume, path],
            capture_output=True,
            env=self.environment(),
            check=False,
        )
        assert done.returncode == 0 or b"FileNotFoundError" in done.stderr, done.stderr.decode()
        return done.stdout if done.returncode == 0 else None


@pytest.fixture
def client_of(tmp_path: Path) -> Callable[..., Client]:
    """Return a function that makes a client of a server; `name` tells several machines apart."""

    def make(server: LoopbackServer, name: str = "here") -> Client:
        folder = tmp_path / name
        folder.mkdir()
        return Client(server, f"volume-{abs(hash(tmp_path)) % 10**12}", folder / "runs", folder)

    return make


@pytest.fixture
def client(shared_server: LoopbackServer, client_of: Callable[..., Client]) -> Iterator[Client]:
    """Return a client of the shared server, which is free of faults again afterwards."""
    yield client_of(shared_server)
    shared_server.clear_faults()


@pytest.fixture
def experiment(tmp_path: Path) -> Path:
    """Return an experiment that trains in under a second, in the cloud too."""
    file = tmp_path / "tiny.yaml"
    file.write_text(TINY + "threads: 1\ncloud: {gpu: none}\n", encoding="utf-8")
    return file


def of_steps(folder: Path, name: str, windows: int) -> Path:
    """Return an experiment of 12 epochs, a checkpoint after each, so that there is time to disturb it."""
    file = folder / f"{name}.yaml"
    text = TINY.replace("epochs: 4", "epochs: 12").replace(
        "windows_per_epoch: 84", f"windows_per_epoch: {windows}"
    )
    file.write_text(text.replace("name: tiny\n", f"name: {name}\n", 1) + "threads: 1\ncloud: {gpu: none}\n")
    return file


@pytest.fixture
def longer(tmp_path: Path) -> Path:
    """Return an experiment that trains for some seconds: 1,800 steps."""
    return of_steps(tmp_path, "longer", 1200)


@pytest.fixture
def longest(tmp_path: Path) -> Path:
    """Return an experiment that trains twice as long, to be disturbed many times."""
    return of_steps(tmp_path, "longest", 2400)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the run directories of the longer and the longest experiment, trained on this machine."""
    folder = tmp_path_factory.mktemp("undisturbed")
    files = (of_steps(folder, "longer", 1200), of_steps(folder, "longest", 2400))
    return {file.stem: trained_here(file, folder / "runs" / file.stem) for file in files}


def weights(run: Path) -> bytes:
    """Return the bytes of the model in a run's last checkpoint."""
    last = json.loads((run / "last.json").read_bytes())["checkpoint"]
    return (run / "checkpoints" / last / "model.safetensors").read_bytes()


def trained_here(experiment: Path, runs: Path, *words: object) -> Path:
    """Train an experiment on this machine; return its run directory."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mabe_core.cli",
            "run",
            str(experiment),
            "--runs-dir",
            str(runs),
            *map(str, words),
        ],
        capture_output=True,
        text=True,
        env=dict(os.environ),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (run,) = [path for path in runs.iterdir() if (path / "record.json").exists()]
    return run
