"""What the tests of studies share: a study file, its ids, weights of its members, waiting for what it does."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mabe_core.discovery import load_plugins
from mabe_core.experiment import read_document
from mabe_core.studies.expansion import MemberExperiment, StudyFile, study_file
from tests.conftest import TINY

FILE = "study.yaml"


@pytest.fixture
def write_study(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes the tiny experiment with a study, and changes of its text."""

    def write(study: str, *changes: tuple[str, str]) -> Path:
        text = f"{TINY}study:\n{study}"
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new)
        file = tmp_path / FILE
        file.write_text(text, encoding="utf-8")
        return file

    return write


def opened(file: Path, *overrides: str) -> StudyFile:
    """Return a study's file, resolved."""
    document = read_document(file, overrides)
    return study_file(document, load_plugins(document.plugin_files))


def expanded(file: Path, *overrides: str) -> tuple[MemberExperiment, ...]:
    """Return the members of a study's file."""
    return opened(file, *overrides).members()


def weights(run: Path) -> bytes:
    """Return the bytes of the model in a run's last checkpoint."""
    last = json.loads((run / "last.json").read_bytes())["checkpoint"]
    return (run / "checkpoints" / last / "model.safetensors").read_bytes()


def state(run: Path) -> str:
    """Return what a run's record says of it; nothing where there is none."""
    record = run / "record.json"
    return json.loads(record.read_text())["state"] if record.exists() else ""


def wait_until(happened: Callable[[], object], seconds: float = 60) -> None:
    """Wait for something to happen."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
