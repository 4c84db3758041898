"""Long arrays: values stay when memory is let go, and nothing breaks where there is no room for the file."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest

from mabe_core import in_blocks, let_go, long_array

ROWS = 1_500_000  # of four float32: 24 MB


def resident() -> float:
    """Return the MB of this process's pages that are in memory."""
    status = Path("/proc/self/status")
    if not status.exists():
        pytest.skip("this system does not tell how much memory a process holds")
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def test_a_long_array_is_written_and_read_block_by_block_without_lying_in_memory():
    before = resident()
    array = long_array((ROWS, 4), np.float32)
    for start, block in in_blocks(array):
        block[:] = np.arange(start, start + len(block), dtype=np.float32)[:, None]
    assert resident() - before < 6
    assert array[0, 0] == 0
    assert array[ROWS - 1, 3] == ROWS - 1
    total = sum(block[:, 1].sum(dtype=np.float64) for _, block in in_blocks(array))
    assert total == ROWS * (ROWS - 1) / 2
    assert resident() - before < 6


def test_a_short_array_is_one_like_any_other():
    array = long_array((3, 2), np.int8)
    array[:] = 1
    let_go(array)
    assert array.sum() == 6


def test_an_array_of_somebody_elses_file_keeps_what_was_written_to_it(tmp_path):
    (tmp_path / "points").write_bytes(bytes(4096))
    mapped = np.memmap(tmp_path / "points", dtype=np.float32, mode="c")
    mapped[5] = 7
    let_go(mapped)
    assert mapped[5] == 7


def test_where_no_file_can_be_made_memory_holds_it(monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    array = long_array((ROWS, 4), np.float32)
    array[-1] = 3
    let_go(array)
    assert array[-1, 0] == 3
