"""The live lines of a study: in a narrow terminal members are still told apart."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from mabe_core.studies.display import StudyDisplay

from .conftest import expanded


def test_members_whose_settings_are_cut_off_are_told_apart_by_their_ids(
    write_study: Callable[..., Path],
) -> None:
    model = "{name: transformer, hidden_dim: 8, num_layers: 1, num_heads: 2, dropout: 0.25}"
    members = expanded(write_study(f"  seeds: [0, 1]\n  grid: {{model: [{model}]}}\n"))
    screen = Console(file=io.StringIO(), width=80, force_terminal=True)
    with StudyDisplay(screen, 2, ()) as display:
        for member in members:
            display.began(member)
    assert isinstance(screen.file, io.StringIO)
    shown = screen.file.getvalue()
    assert all(member.id in shown for member in members)
    assert "…" in shown
