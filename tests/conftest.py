"""What all tests share: a small experiment, and the command line in this process and in one of its own."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest

from mabe_core.cli import main
from tests.modal_server.running import LoopbackServer

# one thread: two that share a busy core wait for each other, and these models are too small to gain
os.environ["OMP_NUM_THREADS"] = "1"
# what tests agree to is no concern of whoever runs them
os.environ["MABE_TRUSTED"] = tempfile.mkdtemp(prefix="mabe-trusted-")
atexit.register(shutil.rmtree, os.environ["MABE_TRUSTED"], ignore_errors=True)
# what a test reads must not come from an earlier run; tests of the cache name a folder of their own
os.environ["MABE_CACHE"] = "off"
# a shell that puts pytest into its background lets it, and all commands that it starts, ignore Ctrl-C
signal.signal(signal.SIGINT, signal.default_int_handler)

FILES = Path(__file__).parent / "files"
ROOT = Path(__file__).parent.parent

TINY = f"""\
name: tiny
seed: 7
plugins: [{FILES / "tiny.py"}]
data:
  dataset: {{name: tiny}}
  sequence_length: 16
model:
  name: transformer
  hidden_dim: 16
  num_layers: 1
  num_heads: 2
optimizer: {{name: adamw, learning_rate: 1e-2}}
scheduler: cosine
training:
  epochs: 4
  batch_size: 8
  windows_per_epoch: 84
checkpoint:
  every_epochs: 2
device: cpu
"""


@attrs.frozen
class Outcome:
    """What a command ended with."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoopbackServer]:
    """One loopback Modal server for all tests; what it stores is kept apart by each test's own volume."""
    with LoopbackServer(tmp_path_factory.mktemp("modal-server")) as server:
        yield server


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """Return an experiment file that trains in under a second."""
    file = tmp_path / "tiny.yaml"
    file.write_text(TINY, encoding="utf-8")
    return file


@pytest.fixture
def mabe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Outcome]:
    """Return a function that runs `mabe` in this process, with its runs and models under tmp_path."""
    monkeypatch.setenv("MABE_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("MABE_MODELS", str(tmp_path / "models"))
    monkeypatch.delenv("MABE_DATA", raising=False)

    def run(*words: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["mabe", *map(str, words)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return Outcome(int(ended.value.code or 0), captured.out, captured.err)

    return run


@pytest.fixture
def example_site(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a folder that pip installed examples/mabe_tcn into; the package is found while the test runs."""
    site = install_example(tmp_path_factory.getbasetemp() / "example_site")
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("PYTHONPATH", str(site))
    yield site
    for name in [name for name in sys.modules if name.partition(".")[0] == "mabe_tcn"]:
        del sys.modules[name]


def install_example(site: Path) -> Path:
    """Install examples/mabe_tcn into a folder, once; from a copy, since building writes beside the source."""
    if not site.exists():
        source = site.with_name("example_source")
        shutil.copytree(ROOT / "examples" / "mabe_tcn", source)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        offline = ["--no-index", "--no-deps", "--no-build-isolation"]
        subprocess.run([*pip, *offline, "--target", site, source], check=True)
    return site


@pytest.fixture
def start_mabe(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Return a function that starts `mabe` as a process of its own, with its runs under tmp_path."""
    places = {"MABE_RUNS": str(tmp_path / "runs"), "MABE_MODELS": str(tmp_path / "models")}
    environment = {**os.environ, **places}
    with contextlib.ExitStack() as processes:

        def start(*words: object) -> subprocess.Popen[str]:
            process = subprocess.Popen(
                [sys.executable, "-m", "mabe_core.cli", *map(str, words)],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=environment,
            )
            processes.enter_context(process)
            processes.callback(process.kill)
            return process

        yield start
