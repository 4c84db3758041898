"""What is fitted or selected does not see the fold that is tested: other labels there change no bit of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mabe_core.runs.directory import all_runs
from tests.conftest import FILES

TIMES = ("seconds", "steps_per_second")


def decided(run: Path) -> dict[str, Any]:
    """Return every checkpoint and every choice of a run, without how long things took."""
    files = sorted((run / "checkpoints").glob("*/*.safetensors"))
    found: dict[str, Any] = {file.relative_to(run).as_posix(): file.read_bytes() for file in files}
    for name in ("best.json", "last.json"):
        found[name] = json.loads((run / name).read_text())
    lines = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    found["epochs"] = [{key: value for key, value in line.items() if key not in TIMES} for line in lines]
    return found


@pytest.mark.parametrize("poisoned", ["test", "train"])
def test_labels_of_the_test_fold_change_nothing_that_is_trained_or_chosen(
    mabe, write_study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, poisoned: str
) -> None:
    """Recording 0 is the test part of fold 0 and trained on in fold 1, where the same poison does its work."""
    fold = 0 if poisoned == "test" else 1
    file = write_study(
        "  seeds: [0]\n",
        (f"plugins: [{FILES / 'tiny.py'}]", f"plugins: [{FILES / 'poisoned.py'}]"),
        (
            "dataset: {name: tiny}",
            f"dataset: {{name: poisoned, recordings: 6}}\n  split: {{name: recordings, folds: 3, fold: {fold}}}",
        ),
        ("every_epochs: 2", "every_epochs: 1"),
    )
    plain = file.with_name("plain.yaml")
    plain.write_text(file.read_text().partition("study:")[0])
    found = []
    for name in ("", "tiny0 tiny3"):
        monkeypatch.setenv("POISONED", name)
        runs = tmp_path / f"runs{len(found)}"
        assert mabe("run", plain, "--runs-dir", runs).code == 0
        (run,) = all_runs(runs)
        found.append(decided(run.path))
    clean, changed = found
    assert (clean == changed) == (poisoned == "test")
    assert clean.keys() == changed.keys()
