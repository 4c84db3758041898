"""The examples do what they say: one file and one package, each trained by the experiment beside it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def last_epoch(runs: Path) -> dict:
    (run,) = runs.iterdir()
    return json.loads((run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()[-1])


def test_the_one_file_example_trains_and_its_file_lies_in_the_run(mabe, tmp_path):
    outcome = mabe("run", EXAMPLES / "gru" / "gru.yaml")
    assert outcome.code == 0, outcome.err
    assert last_epoch(tmp_path / "runs")["val_macro_f1"] > 0.3, "it learns"
    (run,) = (tmp_path / "runs").iterdir()
    kept = run / "plugins" / "gru.py"
    assert kept.read_bytes() == (EXAMPLES / "gru" / "gru.py").read_bytes()


def test_the_package_is_found_once_it_is_installed_and_its_experiment_uses_all_three(
    mabe, tmp_path, example_site
):
    outcome = mabe("run", EXAMPLES / "mabe_tcn" / "tcn.yaml")
    assert outcome.code == 0, outcome.err
    assert last_epoch(tmp_path / "runs")["val_kappa"] > 0.7, "it learns"
    (run,) = (tmp_path / "runs").iterdir()
    record = json.loads((run / "record.json").read_text(encoding="utf-8"))
    ours = [each for each in record["components"] if each["distribution"] == "mabe-tcn"]
    assert {(each["kind"], each["name"]) for each in ours} == {
        ("model", "motion_tcn"),
        ("feature", "pair_motion"),
        ("metric", "kappa"),
    }
    assert all("torch_tcn.py" in each["sources"] for each in ours)


def test_the_packages_own_tests_pass(example_site):
    own = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", EXAMPLES / "mabe_tcn" / "tests"]
    done = subprocess.run(own, cwd=example_site, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_package_is_unknown_where_it_is_not_installed(mabe):
    outcome = mabe("run", EXAMPLES / "mabe_tcn" / "tcn.yaml")
    assert outcome.code == 2
    assert "no model is named 'motion_tcn'" in outcome.err


def test_kappa_equals_scikit_learns(example_site):
    import numpy as np
    from sklearn.metrics import cohen_kappa_score

    from mabe_core import DataShape, Evaluation
    from mabe_tcn import KappaConfig, build_kappa

    names = ("a", "b", "c")
    truth, found = np.random.default_rng(0).integers(0, 3, (2, 400))
    confusion = np.zeros((3, 3), dtype=np.int64)
    np.add.at(confusion, (truth, found), 1)
    kappa = build_kappa(KappaConfig(), DataShape(1, 3, names, 8))
    expected = cohen_kappa_score(truth, found)
    assert kappa(Evaluation(confusion, 0.0, names))["kappa"] == pytest.approx(expected)
