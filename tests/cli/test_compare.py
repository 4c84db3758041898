"""`mabe compare`: what a user is shown, and told beside it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mabe_core.runs.directory import RunDirectory, all_runs
from mabe_core.runs.study import Member, Study, write_study
from tests.conftest import Outcome
from tests.made_runs import CLASSES, made_run, made_scores, write_record

Mabe = Callable[..., Outcome]
GOOD = np.array([[50, 5, 0], [5, 30, 5], [0, 2, 8]])
POOR = np.array([[40, 15, 0], [15, 20, 5], [0, 6, 4]])


def films(matrix: np.ndarray, number: int = 6) -> dict[str, np.ndarray]:
    """Return the counts of some recordings, a little different from each other."""
    return {f"film{k}": matrix + np.diag([k, 0, 0]) for k in range(number)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def study(folder: Path) -> Study:
    """Return a study of two widths and three seeds, and one member that was not begun."""
    members = []
    for dim, matrix in ((16, POOR), (32, GOOD)):
        for seed in (0, 1, 2):
            run = made_run(folder, f"model.hidden_dim={dim}", f"seed={seed}")
            made_scores(run, films(matrix + np.diag([seed, 0, 0])))
            members.append(Member(id=run.id, settings={"model.hidden_dim": dim, "seed": seed}))
    members.append(Member(id="made-0000000000", settings={}))
    made = Study(
        id="made-0123456789",
        name="made",
        description="",
        axes=["model.hidden_dim", "seed"],
        members=tuple(members),
        text="",
    )
    write_study(folder, made)
    return made


def test_a_study(mabe: Mabe, study: Study) -> None:
    told = mabe("compare", study.id)
    assert told.code == 0
    title, best, other, _, *notes = told.out.splitlines()
    assert title.split("  ")[1].strip() == "model.hidden_dim"
    assert best.split()[:2] == ["1", "32"]
    assert best.split("  ")[-2:] == ["best", "3 runs"] or "best" in best
    assert other.split()[:2] == ["2", "16"]
    assert "3 seeds" in best
    assert "±" in best
    assert "[-0." in other
    assert "1 of the 7 members of made-0123456789 were not begun" in notes
    assert "mabe" not in told.err


def test_json_and_csv_say_the_same(mabe: Mabe, study: Study, tmp_path: Path) -> None:
    words = ("compare", "made-0123", "--metric", "accuracy", "--all-metrics")
    found = json.loads(mabe(*words, "--json").out)
    assert found["metric"] == "accuracy"
    assert list(found["rows"][0]["scores"]) == ["accuracy", "macro_f1", *(f"f1_{name}" for name in CLASSES)]
    told = mabe(*words, "--csv", "-o", tmp_path / "table.csv")
    assert told.out.startswith("written to")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "table.csv").read_text())))
    assert len(rows) == len(found["rows"]) == 2
    for row, exact in zip(rows, found["rows"], strict=True):
        assert float(row["accuracy mean"]) == exact["scores"]["accuracy"]["mean"]
        assert float(row["macro_f1 sd"]) == exact["scores"]["macro_f1"]["sd"]
        assert row["model.hidden_dim"] == str(exact["settings"]["model.hidden_dim"])
        assert row["runs"].split(";") == exact["runs"]
    assert float(rows[1]["low"]) == found["rows"][1]["difference"]["low"]


def test_the_same_draws_each_time(mabe: Mabe, study: Study) -> None:
    first, again, other = (
        mabe("compare", study.id, "--json", "--draws", "100", "--seed", seed).out for seed in (0, 0, 1)
    )
    assert first == again != other


def test_a_baseline_of_ones_own(mabe: Mabe, study: Study) -> None:
    worst = study.members[0].id
    found = json.loads(mabe("compare", study.id, "--baseline", worst, "--json").out)
    assert [row["baseline"] for row in found["rows"]] == [False, True]
    assert found["rows"][0]["difference"]["low"] > 0
    assert "less row 2" in mabe("compare", study.id, "--baseline", worst).out


def two_widths(folder: Path, best: Mapping[tuple[int, int | None], float], **how: Any) -> list[str]:
    """Make runs of two widths, the wider better on test; best: the validation score by width and fold."""
    made = []
    for (dim, fold), score in best.items():
        words = () if fold is None else (f"data.split={{name: recordings, folds: 2, fold: {fold}}}",)
        run = made_run(folder, f"model.hidden_dim={dim}", *words, best=score, **how)
        films_of_fold = {
            f"{name}{fold}": each for name, each in films(GOOD if dim == 32 else POOR, 6).items()
        }
        made_scores(run, films_of_fold)
        made.append(run.id)
    return made


def test_validation_chooses_not_the_scores_that_are_shown(mabe: Mabe, folder: Path) -> None:
    made = two_widths(folder, {(16, None): 0.8, (32, None): 0.6})
    told = mabe("compare", *made).out
    found = json.loads(mabe("compare", *made, "--json").out)
    assert [row["settings"]["model.hidden_dim"] for row in found["rows"]] == [32, 16]
    assert found["by_validation"]["rows"] == [{"fold": None, "row": 2}]
    assert found["by_validation"]["scores"]["macro_f1"] == found["rows"][1]["scores"]["macro_f1"]
    assert "validation (macro_f1) chooses row 2: 0." in told.replace("macro_f1 0.", "0.")
    assert "row 1 is the best by the scores of the held-out part, which flatters it" in told
    errors = two_widths(folder / "errors", {(16, None): 0.8, (32, None): 0.6}, monitor="loss")
    words = ("--runs-dir", folder / "errors", "--metric", "macro_f1", "--json")
    assert json.loads(mabe("compare", *errors, *words).out)["by_validation"]["rows"][0]["row"] == 1


def test_each_fold_chooses_by_its_own_validation(mabe: Mabe, folder: Path) -> None:
    made = two_widths(folder, {(16, 0): 0.8, (32, 0): 0.6, (16, 1): 0.1, (32, 1): 0.2})
    found = json.loads(mabe("compare", *made, "--json").out)
    assert found["by_validation"]["rows"] == [{"fold": 0, "row": 2}, {"fold": 1, "row": 1}]
    values = [row["scores"]["macro_f1"]["values"] for row in found["rows"]]
    assert found["by_validation"]["scores"]["macro_f1"]["values"] == [values[1][0], values[0][1]]
    assert "row 1 in 1, row 2 in 1; which then has macro_f1 0." in mabe("compare", *made).out


@pytest.mark.parametrize("case", ["validation", "no score", "other monitors"])
def test_nothing_is_said_to_be_chosen_where_nothing_can_tell(mabe: Mabe, folder: Path, case: str) -> None:
    one, other = (made_run(folder, f"model.hidden_dim={dim}") for dim in (16, 32))
    for run, matrix in ((one, POOR), (other, GOOD)):
        made_scores(run, films(matrix), part="validation" if case == "validation" else "test")
    if case == "no score":
        write_record(one, best=None)
    if case == "other monitors":
        write_record(one, monitor="accuracy")
    told = mabe("compare", one.id, other.id)
    assert "chooses" not in told.out
    assert json.loads(mabe("compare", one.id, other.id, "--json").out)["by_validation"] is None


def other_labels(folder: Path) -> RunDirectory:
    run = made_run(folder, "model.hidden_dim=64")
    made_scores(run, films(GOOD + np.diag([0, 3, -3])))
    return run


def other_part(folder: Path) -> RunDirectory:
    run = made_run(folder, "model.hidden_dim=64")
    made_scores(run, films(GOOD), part="validation")
    return run


def other_frames(folder: Path) -> RunDirectory:
    run = made_run(folder, "model.hidden_dim=64")
    made_scores(run, films(GOOD), start=1)
    return run


def other_classes(folder: Path) -> RunDirectory:
    run = made_run(folder, "model.hidden_dim=64")
    made_scores(run, films(GOOD), classes=["rest", "sniff", "bite"])
    return run


def no_scores(folder: Path) -> RunDirectory:
    run = made_run(folder, "model.hidden_dim=64", state="interrupted")
    run.best.write_text('{"checkpoint": "step-00000040", "epoch": 1, "step": 40}')
    run.append_epoch({"epoch": 1, "step": 40, "val_macro_f1": 0.1})
    return run


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (other_labels, "scored against other labels, in film0"),
        (other_part, "scored on other parts: test and validation"),
        (other_frames, "no recording that both scored"),
        (other_classes, "other classes"),
        (no_scores, "no scores a recording: `mabe evaluate` makes them"),
    ],
)
def test_what_cannot_be_compared_is_told_why(
    mabe: Mabe, folder: Path, make: Callable[[Path], RunDirectory], why: str
) -> None:
    run = made_run(folder, "model.hidden_dim=32")
    made_scores(run, films(GOOD))
    other = make(folder)
    told = mabe("compare", run.id, other.id, "--baseline", run.id)
    assert told.code == 0
    assert "not comparable" in told.out
    assert f"cannot be compared with row 1: {why}" in told.out or f"row 2: {why}" in told.out
    rows = json.loads(mabe("compare", run.id, other.id, "--baseline", run.id, "--json").out)["rows"]
    assert {"not_comparable": why} in [row["difference"] for row in rows]


def test_a_seed_that_is_not_finished_is_left_out_of_its_row(mabe: Mabe, folder: Path) -> None:
    done = made_run(folder, "seed=0")
    made_scores(done, films(GOOD))
    begun = made_run(folder, "seed=1", state="interrupted")
    begun.best.write_text('{"checkpoint": "step-00000040", "epoch": 1, "step": 40}')
    begun.append_epoch({"epoch": 1, "step": 40, "val_macro_f1": 0.1})
    (row,) = json.loads(mabe("compare", done.id, begun.id, "--json").out)["rows"]
    assert row["runs"] == [done.id]
    assert f"{begun.id} (interrupted)" in mabe("compare", done.id, begun.id).out


@pytest.mark.parametrize(
    ("number", "told"),
    [(1, "one recording: how a difference varies"), (4, "an interval over 4 recordings means little")],
)
def test_few_recordings_are_told(mabe: Mabe, folder: Path, number: int, told: str) -> None:
    made = []
    for dim, matrix in ((16, POOR), (32, GOOD)):
        run = made_run(folder, f"model.hidden_dim={dim}")
        made_scores(run, films(matrix, number), notice="one recording, cut by time blocks")
        made.append(run.id)
    out = mabe("compare", *made).out
    assert told in out
    assert "one recording, cut by time blocks" in out
    found = json.loads(mabe("compare", *made, "--json").out)["rows"][1]["difference"]
    assert (found["low"] is None) == (number == 1)


def test_only_what_differs_is_shown(mabe: Mabe, folder: Path) -> None:
    made = []
    for settings in (
        ("model.positional_encoding=rotary", "data.features=[normalize, interpolate]"),
        ("model.positional_encoding=sinusoidal", "data.features=[interpolate]"),
        ("model.positional_encoding={name: sinusoidal, base: 100}", "data.features=[interpolate]"),
    ):
        run = made_run(folder, *settings, "device=auto")
        made_scores(run, films(GOOD + len(made)))
        made.append(run.id)
    found = json.loads(mabe("compare", *made, "--json").out)
    # rotary has a base too, of its own; only what differs among sinusoidal ones is shown beside the names
    keys = ["data.features", "model.positional_encoding", "model.positional_encoding.base"]
    assert sorted(found["rows"][0]["settings"]) == keys


def test_other_content_of_a_plugin_file_is_another_row(mabe: Mabe, folder: Path, tmp_path: Path) -> None:
    made = []
    for loss in ("", "# edited"):
        file = tmp_path / "ours.py"
        file.write_text(PLUGIN + loss)
        run = made_run(folder, "model=ours", plugins=[file])
        made_scores(run, films(GOOD + len(made)))
        made.append(run.id)
    rows = json.loads(mabe("compare", *made, "--json").out)["rows"]
    assert [list(row["settings"]) for row in rows] == [["code of model ours"]] * 2


def test_a_row_whose_plugin_files_were_not_agreed_to_says_so(
    mabe: Mabe, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "ours.py"
    file.write_text(PLUGIN)
    made = []
    for seed, matrix in ((0, GOOD), (1, POOR)):
        run = made_run(folder, "model=ours", f"training.epochs={1 + seed}", plugins=[file])
        made_scores(run, films(matrix))
        made.append(run.id)
    assert "cannot be computed" not in mabe("compare", *made).out
    monkeypatch.setenv("MABE_TRUSTED", str(tmp_path / "nobody"))
    told = " ".join(mabe("compare", *made).out.split())
    assert f"the metrics of {made[0]} cannot be computed" in told
    assert "Read it, then agree to it: `--trust" in told
    assert "so differences are of its means over recordings" in told


PLUGIN = '''
"""A model by name only."""

import attrs

from mabe_core import ModelSpec, hookimpl


@attrs.frozen
class OursConfig:
    """Ours."""


def build(config, data):
    raise NotImplementedError


@hookimpl
def mabe_models():
    return [ModelSpec(name="ours", config=OursConfig, build=build)]
'''


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("made-0123", "--metric", "macrof1"), "Did you mean 'macro_f1'?"),
        (("made-0123", "--scores", "accurracy"), "Did you mean 'accuracy'?"),
        (("made-0123", "--baseline", "none"), "none of these runs is 'none'"),
        (("made-0123", "--baseline", "made"), "fits runs of several rows"),
        (("mode",), "no run or study"),
        (("../made",), "not an experiment id"),
        (("made-0123", "--json", "--csv"), "--json or --csv"),
    ],
)
def test_mistakes(mabe: Mabe, study: Study, words: tuple[str, ...], why: str) -> None:
    told = mabe("compare", *words)
    assert told.code == 2
    assert why in told.err
    assert "Traceback" not in told.err


def test_damaged_scores_are_told(mabe: Mabe, study: Study, folder: Path) -> None:
    (folder / study.members[0].id / "scores.json").write_text("{}")
    told = mabe("compare", study.id)
    assert told.code == 2
    assert "scores.json is damaged" in told.err


def test_a_seed_that_was_edited_into_a_list_ends_no_table(mabe: Mabe, study: Study, folder: Path) -> None:
    experiment = folder / study.members[0].id / "experiment.yaml"
    text = experiment.read_text(encoding="utf-8")
    assert "\nseed: 0\n" in text
    experiment.write_text(text.replace("\nseed: 0\n", "\nseed: [1, 2]\n"), encoding="utf-8")
    told = mabe("compare", study.id, "--json")
    assert told.code in (0, 2)
    assert "unhashable" not in told.err


def test_of_one_recording_no_draws_are_told(mabe: Mabe, folder: Path) -> None:
    for dim, matrix in ((16, POOR), (32, GOOD)):
        made_scores(made_run(folder, f"model.hidden_dim={dim}"), films(matrix, 1))
    told = mabe("compare", *[run.id for run in all_runs(folder)]).out
    assert "one recording: how a difference varies" in told
    assert "draws" not in told
    assert "[" not in told


def test_where_one_run_is_wanted_a_study_is_told_to_be_one(mabe: Mabe, study: Study) -> None:
    told = mabe("export", "made-01", "-o", "mice")
    assert told.code == 2
    assert told.err.startswith(f"error: {study.id} is a study of 7 runs: name one of them (made-")
