"""What the tests of runs share: a small experiment that is opened, and a run that looks trained."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mabe_core.discovery import load_plugins
from mabe_core.exchange import DataAccess
from mabe_core.experiment import read_document, resolve
from mabe_core.runs.checkpoints import write_checkpoint
from mabe_core.runs.opening import OpenedRun, open_run
from tests.runs.fake_checkpoint import checkpoint

Opener = Callable[..., OpenedRun]


@pytest.fixture
def opener(tiny: Path, tmp_path: Path) -> Opener:
    """Return a function that opens the run of the small experiment, below tmp_path/runs."""

    def opened(*plugins: Path, runs_dir: Path = tmp_path / "runs", fresh: bool = False) -> OpenedRun:
        document = read_document(tiny)
        registry = load_plugins((*document.plugin_files, *plugins))
        return open_run(resolve(document, registry), registry, runs_dir, DataAccess(()), fresh=fresh)

    return opened


@pytest.fixture
def trained(opener: Opener) -> OpenedRun:
    """Return the run of the small experiment with two epochs, two checkpoints and a finished record."""
    opened = opener()
    run = opened.run
    with run.held():
        opened.keep()
        for epoch in (1, 2):
            run.append_epoch({"epoch": epoch, "step": epoch * 11})
            write_checkpoint(run.checkpoints, checkpoint(epoch * 11))
        run.last.write_text(json.dumps({"checkpoint": "step-00000022", "epoch": 2, "step": 22}))
        opened.record.state, opened.record.epoch, opened.record.step = "finished", 2, 22
        opened.save()
    return opened
