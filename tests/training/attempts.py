"""Trainings in this process that are stopped at a step, gone on with, and compared bit by bit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from mabe_core.discovery import load_plugins
from mabe_core.exchange import DataAccess
from mabe_core.experiment import read_document, resolve
from mabe_core.runs.checkpoints import newest_checkpoint
from mabe_core.runs.opening import OpenedRun, open_run
from mabe_core.training.events import Event
from mabe_core.training.interruption import Interrupted, StopRequest
from mabe_core.training.run import train
from mabe_core.training.step import PlainStep

# everything that draws random numbers: shuffling, dropout, augmentation
RANDOM = (
    "data.augmentations=[turn]",
    "data.features=[interpolate]",
    "model.dropout=0.1",
    "training.epochs=2",
)


def opened(file: Path, runs_dir: Path, *settings: str) -> OpenedRun:
    """Open the run of an experiment with some of it changed."""
    document = read_document(file, settings)
    registry = load_plugins(document.plugin_files)
    return open_run(resolve(document, registry), registry, runs_dir, DataAccess(()))


def run_whole(file: Path, runs_dir: Path, *settings: str) -> OpenedRun:
    """Train without a stop."""
    run = opened(file, runs_dir, *settings)
    train(run)
    return run


def run_in_pieces(
    monkeypatch: pytest.MonkeyPatch, steps: int, file: Path, runs_dir: Path, *settings: str
) -> tuple[OpenedRun, int]:
    """Train so many steps an attempt until it is finished; return the run, and how often it was stopped."""
    advance = PlainStep.advance
    stops = 0
    while True:
        stop, left = StopRequest(), iter(range(steps - 1))

        def counted(step: PlainStep, most: int, stop: StopRequest = stop, left: Any = left) -> int:
            done = advance(step, most)
            if next(left, None) is None:
                stop.ask()
            return done

        run = opened(file, runs_dir, *settings)
        with monkeypatch.context() as patched:
            patched.setattr(PlainStep, "advance", counted)
            try:
                train(run, stop_request=stop)
            except Interrupted:
                stops += 1
            else:
                return run, stops


def observed(run: OpenedRun) -> list[Event]:
    """Train, and return what was told."""
    events: list[Event] = []
    train(run, events.append)
    return events


def assert_same_runs(one: OpenedRun, other: OpenedRun) -> None:
    """Compare all that the last checkpoints hold, bit by bit, and what the epochs told."""
    saved = [newest_checkpoint(each.run.checkpoints)[0] for each in (one, other)]
    assert saved[0] is not None
    assert saved[1] is not None
    for part in ("model", "training"):
        tensors = [getattr(each, part) for each in saved]
        assert tensors[0].keys() == tensors[1].keys()
        for name, tensor in tensors[0].items():
            assert bits(tensor) == bits(tensors[1][name]), name
    states = [{**each.state, "sha256": None} for each in saved]
    assert states[0] == states[1]
    assert _told(one) == _told(other)


def bits(tensor: torch.Tensor) -> bytes:
    """Return what a tensor holds, not-a-numbers too."""
    return tensor.numpy().tobytes()


def _told(run: OpenedRun) -> list[dict[str, Any]]:
    lines = map(json.loads, run.run.metrics.read_text().splitlines())
    return [{k: v for k, v in line.items() if k not in ("seconds", "steps_per_second")} for line in lines]


def spoil(file: Path, change: Callable[[bytearray], None]) -> None:
    """Change the bytes of a file."""
    content = bytearray(file.read_bytes())
    change(content)
    file.write_bytes(content)
