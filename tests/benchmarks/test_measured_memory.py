"""What a benchmark says of a process's memory is of that process, however large the one that starts it."""

from __future__ import annotations

import sys

import pytest

from benchmarks.predict_memory import measured

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is Linux's to tell")


def test_the_peak_is_of_the_process_itself(tmp_path):
    ours = bytearray(200 << 20)
    little, _ = measured([sys.executable, "-c", "pass"], tmp_path)
    more, _ = measured([sys.executable, "-c", "bytearray(100 << 20)"], tmp_path)
    assert little < 100 < more < 200 < len(ours)


def test_a_process_that_fails_is_told(tmp_path):
    with pytest.raises(SystemExit, match="ended with 3"):
        measured([sys.executable, "-c", "raise SystemExit(3)"], tmp_path)
