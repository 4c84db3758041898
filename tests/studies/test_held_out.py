"""What is fitted or selected does not see what is tested on: other labels there change no bit of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mabe_core.runs.directory import all_runs
from tests.conftest import FILES, Outcome
from tests.made_runs import all_studies

TIMES = ("seconds", "steps_per_second")
# whatever learns from labels or looks at scores: class weights, early stopping, the best epoch, post-processing
SELECTS = """\
loss: {name: cross_entropy, class_weights: balanced}
post_processing: [thresholds, bout_length]
"""
GRID = "  seeds: [0, 1]\n  grid: {model.hidden_dim: [8, 16]}\n"
SAMPLE = """\
  seeds: [0]
  sample:
    trials: 2
    space: {optimizer.learning_rate: {low: 1e-4, high: 1e-1, log: true}, model.hidden_dim: [8, 16]}
"""


def decided(run: Path) -> dict[str, Any]:
    """Return every checkpoint, choice and fitted number of a run, without how long things took."""
    files = sorted((run / "checkpoints").glob("*/*.safetensors"))
    found: dict[str, Any] = {file.relative_to(run).as_posix(): file.read_bytes() for file in files}
    for name in ("best.json", "last.json", "post_processing.json"):
        found[name] = json.loads((run / name).read_text())
    lines = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    found["epochs"] = [{key: value for key, value in line.items() if key not in TIMES} for line in lines]
    record = json.loads((run / "record.json").read_text())
    return found | {key: record[key] for key in ("best", "epoch", "stopped_early")}


def selected(mabe: Callable[..., Outcome], runs: Path) -> dict[str, Any]:
    """Return what a study as a whole selects: its trials, and the best of its settings and runs."""
    (study,) = all_studies(runs)
    told = json.loads(mabe("compare", study.id, "--runs-dir", runs, "--json").out)
    (row,) = {each["row"] for each in told["by_validation"]["rows"]}
    models = ("--runs-dir", runs, "--models-dir", runs.with_suffix(".models"))
    kept = mabe("models", "add", study.id, "--name", "best", *models)
    assert kept.code == 0, kept.err
    return {
        "members": study.members,
        "trials": study.trials,
        "compare": told["rows"][row - 1]["settings"],
        "report": json.loads(mabe("report", study.id, "--runs-dir", runs, "--json").out)["chosen"],
        "kept": kept.out,
    }


def held_out_scores(runs: Path) -> list[Any]:
    return [json.loads((run.path / "record.json").read_text())["held_out"] for run in all_runs(runs)]


@pytest.mark.parametrize(
    ("study", "poisoned"),
    [(GRID, "test"), (SAMPLE, "test"), (SAMPLE, "train")],
    ids=["grid-test", "sample-test", "sample-train"],
)
def test_labels_of_the_test_fold_change_nothing_that_is_trained_fitted_or_chosen(
    mabe, write_study, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, study: str, poisoned: str
) -> None:
    """Recordings 0 and 3 are tested on in fold 0 and trained on in fold 1, where the same poison does its work."""
    fold = 0 if poisoned == "test" else 1
    file = write_study(
        study,
        (f"plugins: [{FILES / 'tiny.py'}]", f"plugins: [{FILES / 'poisoned.py'}]"),
        (
            "dataset: {name: tiny}",
            f"dataset: {{name: poisoned, recordings: 6}}\n  split: {{name: recordings, folds: 3, fold: {fold}}}",
        ),
        ("every_epochs: 2", "every_epochs: 1\n  keep_last: 99"),
        ("  epochs: 4\n", "  epochs: 8\n  early_stopping: {patience: 1}\n"),
        ("study:", f"{SELECTS}study:"),
    )
    monkeypatch.setenv("PYTHONPATH", str(FILES.parents[1]))  # poisoned.py builds upon tiny.py
    found, choices, scores = [], [], []
    for name in ("", "tiny0 tiny3"):
        monkeypatch.setenv("POISONED", name)
        runs = tmp_path / f"runs{len(found)}"
        outcome = mabe("run", file, "--runs-dir", runs)
        assert outcome.code == 0, outcome.err
        found.append({run.id: decided(run.path) for run in all_runs(runs)})
        choices.append(selected(mabe, runs))
        scores.append(held_out_scores(runs))
    assert scores[0] != scores[1]
    clean, changed = found
    assert any(each["stopped_early"] for each in clean.values())
    if poisoned == "test":
        assert clean == changed
        assert choices[0] == choices[1]
    else:
        for run_id in clean.keys() & changed.keys():
            assert clean[run_id]["epochs"] != changed[run_id]["epochs"]
        assert choices[0] != choices[1]
