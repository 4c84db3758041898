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

from tests.cloud.ready import ReadyMabe
from tests.conftest import FILES, TINY, Outcome
from tests.modal_server.running import LoopbackServer, environment_without_modal


@attrs.frozen
class Client:
    """Somebody's machine: a folder of runs, the server's address, a volume."""

    mabe: ReadyMabe
    server: LoopbackServer
    volume: str
    runs: Path
    folder: Path

    def environment(self) -> dict[str, str]:
        own = {"MABE_RUNS": str(self.runs), "MABE_VOLUME": self.volume, "COLUMNS": "200"}
        return environment_without_modal() | self.server.environment | own

    def __call__(self, *words: object, timeout: float = 120) -> Outcome:
        """Run `mabe` to its end."""
        return self.mabe.run([*map(str, words)], self.environment(), self.folder, timeout)

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

    def let_go(self) -> None:
        """Let runs of the held experiment go on to their end, those that come as well."""
        (self.server.outside / self.volume).touch()

    def rows(self) -> dict[str, dict[str, Any]]:
        """Return what `mabe runs --cloud --json` says, by id."""
        return {row["id"]: row for row in json.loads(self("runs", "--cloud", "--json").out)}

    def on_volume(self, path: str) -> bytes | None:
        """Return a committed file of the volume."""
        return self.server.committed(self.volume, path)


@pytest.fixture(scope="session")
def ready_mabe() -> Iterator[ReadyMabe]:
    ready = ReadyMabe()
    yield ready
    ready.close()


@pytest.fixture
def client_of(tmp_path: Path, ready_mabe: ReadyMabe) -> Callable[..., Client]:
    """Return a function that makes a client of a server; `name` tells several machines apart."""

    def make(server: LoopbackServer, name: str = "here") -> Client:
        folder = tmp_path / name
        folder.mkdir()
        return Client(ready_mabe, server, volume_of(tmp_path), folder / "runs", folder)

    return make


@pytest.fixture
def client(shared_server: LoopbackServer, client_of: Callable[..., Client]) -> Iterator[Client]:
    """Return a client of the shared server, which is free of faults again afterwards."""
    made = client_of(shared_server)
    yield made
    shared_server.clear_faults()
    made.let_go()  # what a test leaves running takes little more time from the next


@pytest.fixture
def experiment(tmp_path: Path) -> Path:
    """Return an experiment that trains in under a second, in the cloud too."""
    file = tmp_path / "tiny.yaml"
    file.write_text(TINY + "threads: 1\ncloud: {gpu: none}\n", encoding="utf-8")
    return file


def held_until(folder: Path, name: str, until: str) -> Path:
    """Return an experiment of 12 epochs of 5 steps that, after two, takes a second a step until it is let go."""
    file = folder / f"{name}.yaml"
    text = TINY.replace("epochs: 4", "epochs: 12").replace("windows_per_epoch: 84", "windows_per_epoch: 40")
    text = text.replace("name: tiny\n", f"name: {name}\n", 1).replace(
        "plugins: [", f"plugins: [{FILES / 'held.py'}, "
    )
    hold = f"  augmentations: [{{name: hold, until: {until}, after: 10}}]\n"
    text = text.replace("  sequence_length", f"{hold}  sequence_length")
    file.write_text(f"{text}threads: 1\ncloud: {{gpu: none}}\n", encoding="utf-8")
    return file


@pytest.fixture
def held(tmp_path: Path) -> Path:
    """Return an experiment that in the cloud is at work until its client lets it go, to be disturbed meanwhile."""
    return held_until(tmp_path, "held", volume_of(tmp_path))


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the run directory of the held experiment, trained on this machine, where nothing holds it."""
    folder = tmp_path_factory.mktemp("undisturbed")
    return trained_here(held_until(folder, "held", "nothing"), folder / "runs")


def volume_of(tmp_path: Path) -> str:
    """Return the name of a test's volume."""
    return f"volume-{abs(hash(tmp_path)) % 10**12}"


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


def read_until(process: subprocess.Popen[str], beginning: str) -> str:
    """Read what a process prints up to a line that begins so, or to its end; return it."""
    assert process.stdout is not None
    told = ""
    for line in process.stdout:
        told += line
        if line.startswith(beginning):
            break
    return told
