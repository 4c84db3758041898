"""A small sample of each soak: the same commands, fewer times; where it is, in memory, so that flushing is free."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from soak.boundaries import compiler
from tests.conftest import ROOT

MEMORY = Path("/dev/shm")


def soaked(tmp_path: Path, name: str, *words: object) -> dict[str, int]:
    """Run a soak; return its figures."""
    folder = MEMORY if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) else tmp_path
    command = [sys.executable, "-m", f"soak.{name}", "--folder", folder, *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    figures = re.findall(r"^([\w ]+?) {2,}(\d+)$", done.stdout, re.MULTILINE)
    return {key: int(value) for key, value in figures}


def test_a_writer_killed_at_random_200_times_loses_nothing(tmp_path):
    found = soaked(tmp_path, "kills", "--times", 200, "--tmpdir", tmp_path)
    assert (found["kills"], found["faults"]) == (200, 0)
    assert found["within a write"] > 10
    assert found["checkpoints written"] > 50


@pytest.mark.skipif(compiler() is None, reason="needs a C compiler for the preloaded library")
def test_at_each_call_of_a_save_a_kill_a_full_disk_and_a_broken_one_lose_nothing(tmp_path):
    found = soaked(tmp_path, "boundaries")
    assert found["calls in one save"] > 15
    assert found["killed"] == found["ENOSPC"] == found["EIO"] == found["calls in one save"]
    assert found["torn"] == found["short write"] == 4


def test_damage_of_a_byte_or_a_cut_is_noticed(tmp_path):
    assert soaked(tmp_path, "flips", "--every", 5)["damages"] > 1000


def test_a_reader_never_misses_the_newest(tmp_path):
    found = soaked(tmp_path, "readers", "--seconds", 2)
    assert found["reads"] > 100
    assert found["checkpoints written"] > 20


def test_trainings_killed_at_random_end_with_the_same_bits(tmp_path):
    assert soaked(tmp_path, "training", "--kills", 15)["kills"] >= 15
