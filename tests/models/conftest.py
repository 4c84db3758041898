"""What the tests of models share: two trained runs, and a folder to keep models in."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.conftest import TINY


def mabe_elsewhere(*words: object, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run `mabe` in a process of its own, its runs and models below a folder."""
    places = {"MABE_RUNS": str(folder / "runs"), "MABE_MODELS": str(folder / "models")}
    return subprocess.run(
        [sys.executable, "-m", "mabe_core.cli", *map(str, words)],
        capture_output=True,
        text=True,
        env={**os.environ, **places},
        check=False,
    )


@pytest.fixture(scope="session")
def trained_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of two runs that differ by their seed; not to be written to."""
    folder = tmp_path_factory.mktemp("trained")
    file = folder / "tiny.yaml"
    file.write_text(TINY, encoding="utf-8")
    for seed in (7, 8):
        done = mabe_elsewhere("run", file, "--set", f"seed={seed}", folder=folder)
        assert done.returncode == 0, done.stderr
    return folder / "runs"


@pytest.fixture
def runs(trained_runs: Path, tmp_path: Path) -> Sequence[Path]:
    """Return copies of the two runs."""
    shutil.copytree(trained_runs, tmp_path / "runs")
    return sorted((tmp_path / "runs").iterdir())
