"""A small sample of `python -m tests.plugins.damaging`: no importer ends in another error, or in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.plugins.damaging import soak


def test_what_is_damaged_at_random_is_read_or_told(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed: the extra `parquet`")
    outcomes = soak(tmp_path, times=15, seed=4)
    assert {outcome for _, outcome in outcomes} == {"read", "told"}
    for name in {name for name, _ in outcomes}:
        assert outcomes[name, "told"] > 0, name
