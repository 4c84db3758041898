"""`mabe predict` and `mabe evaluate` as a person uses them."""

from __future__ import annotations

import csv
import io
import json
import shutil
import statistics
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score

from mabe_core.runs.directory import RunDirectory
from mabe_core.runs.scores import read_frames, read_scores
from mabe_core.runs.study import Member, Study, write_study
from tests.inference.conftest import points, write_pose

STUDY = "pair_study-0123456789"


@pytest.fixture
def run(mabe, here, trained, monkeypatch):
    """Return `mabe`, with the trained models' folders."""
    monkeypatch.setenv("MABE_RUNS", str(trained / "runs"))
    monkeypatch.setenv("MABE_DATA", str(trained / "data"))
    return mabe


@pytest.fixture
def films(here) -> list[Path]:
    return [write_pose(here / f"new{number}.csv", points(120, number)[0]) for number in (8, 9)]


def rows(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(file.read_text())))


def test_each_recording_gets_a_file_of_bouts(run, run_id, films, here):
    outcome = run("predict", run_id, *films)
    assert outcome.code == 0, outcome.err
    assert {path.name for path in (here / "predictions").iterdir()} == {"new8.bouts.csv", "new9.bouts.csv"}
    found = rows(here / "predictions" / "new8.bouts.csv")
    assert found
    for row in found:
        assert row["recording"] == "new8"
        assert row["behaviour"] == "meet"
        assert float(row["stop_second"]) == pytest.approx(int(row["stop_frame"]) / 30, abs=1e-6)
    assert "frames/s" in outcome.out


def test_a_suffix_makes_one_file_of_all_and_frames_a_row_a_frame(run, run_id, films, here):
    outcome = run("predict", run_id, *films, "--frames", "-o", here / "out" / "all.csv")
    assert outcome.code == 0, outcome.err
    found = rows(here / "out" / "all.csv")
    assert [row["recording"] for row in found] == ["new8"] * 120 + ["new9"] * 120
    for row in found:
        probability = {name: float(row[f"p_{name}"]) for name in ("meet", "apart")}
        assert sum(probability.values()) == pytest.approx(1, abs=2e-4)
        assert row["behaviour"] == max(probability, key=probability.get) or row["p_meet"] == row["p_apart"]


def test_what_is_there_is_not_overwritten_and_nothing_is_begun(run, run_id, films, here):
    run("predict", run_id, films[1])
    outcome = run("predict", run_id, *films)
    assert outcome.code == 2
    assert "new9.bouts.csv exists; `--force`" in outcome.err
    assert not (here / "predictions" / "new8.bouts.csv").exists()
    assert run("predict", run_id, *films, "--force").code == 0


def test_a_bad_file_does_not_stop_the_others(run, run_id, films, here):
    films[0].write_text(films[0].read_text()[:-40])
    outcome = run("predict", run_id, *films, "missing.csv")
    assert outcome.code == 1
    assert "new8.csv:" in outcome.err
    assert "missing.csv: there is no such file" in outcome.err
    assert "2 of 3 recordings could not be labelled" in outcome.err
    assert [path.name for path in (here / "predictions").iterdir()] == ["new9.bouts.csv"]


def test_a_folder_stands_for_the_pose_files_in_it_alike_names_are_told_apart(run, run_id, here):
    for place in ("a", "b"):
        (here / "films" / place).mkdir(parents=True)
        write_pose(here / "films" / place / "film.csv", points(60, 4)[0])
    assert run("predict", run_id, here / "films").code == 0
    assert {path.name for path in (here / "predictions").iterdir()} == {
        "a-film.bouts.csv",
        "b-film.bouts.csv",
    }


def test_another_experiments_data_is_labelled(run, trained, here):
    outcome = run("predict", STUDY, "--data", trained / "pair.yaml", "--format", "boris_events")
    assert outcome.code == 0, outcome.err
    assert {path.name for path in (here / "predictions").iterdir()} == {
        f"film{n}.boris.csv" for n in range(3)
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--format", "borsi"], "no format is called 'borsi'. Did you mean 'boris'"),
        (["--format", "boris", "--frames"], "a row a frame goes with csv"),
        (["--map", "nose"], "two names with = between them"),
        (["--pose-reader", "deeplabcat"], "Did you mean 'deeplabcut'"),
        (["--fps", "0"], "--fps"),
        (
            ["-o", "all.csv", "--format", "boris"],
            "a boris file ends in .boris, not in .csv: say `-o all.boris`",
        ),
        (["-o", "new8.csv/out"], "cannot be written"),
        (["-o", "new8.csv/out/all.csv"], "cannot be written"),
    ],
)
def test_mistakes_are_told(run, run_id, films, words, message):
    outcome = run("predict", run_id, *films, *words)
    assert outcome.code == 2
    assert message in outcome.err
    assert "Traceback" not in outcome.err


def test_nothing_is_scored_that_could_not_be_written(run, run_id, films, monkeypatch):
    monkeypatch.setattr("mabe_core.training.scoring.Scorer.probabilities", None)
    assert run("predict", run_id, *films, "-o", "new8.csv/out").code == 2


def test_predictions_in_a_folder_are_not_taken_for_recordings(run, run_id, here):
    (here / "films" / "a").mkdir(parents=True)
    for place in ("a/film.csv", "film.csv"):
        write_pose(here / "films" / place, points(60, 4)[0])
    words = ("predict", run_id, ".", "-o", "out")
    here = here / "films"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here)
        for _ in range(2):
            outcome = run(*words, "--force")
            assert outcome.code == 0, outcome.err
    assert {path.name for path in (here / "out").iterdir()} == {"a-film.bouts.csv", "films-film.bouts.csv"}


def test_another_experiments_data_of_another_rate_is_resampled_where_asked_for(run, run_id, trained, here):
    (here / "slow.yaml").write_text((trained / "pair.yaml").read_text().replace("fps: 30", "fps: 25"))
    for film in (trained / "data" / "mice").glob("*.boris"):
        (here / "data" / "mice").mkdir(parents=True, exist_ok=True)
        (here / "data" / "mice" / film.name).write_text(film.read_text().replace(",30.0,", ",25.0,"))
        shutil.copy(film.with_suffix(".csv"), here / "data" / "mice")
    words = ("predict", run_id, "--data", here / "slow.yaml", "--data-dir", here / "data")
    told = run(*words)
    assert told.code == 1
    assert "25 frames a second" in told.err
    assert "--resample" in told.err
    outcome = run(*words, "--resample")
    assert outcome.code == 0, outcome.err
    assert len(rows(here / "predictions" / "film2.bouts.csv")) > 1
    assert "go with POSE files" in run(*words, "--fps", "25").err


def test_a_run_that_is_not_here_may_be_in_the_cloud(run):
    outcome = run("predict", "other-0123456789", "film.csv")
    assert outcome.code == 2
    assert "mabe pull other-0123456789" in outcome.err


def test_evaluate_tells_the_scores_of_the_held_out_part(run, trained, run_id):
    scores = read_scores(RunDirectory(trained / "runs" / run_id))
    outcome = run("evaluate", run_id)
    assert outcome.code == 0, outcome.err
    assert "on test" in outcome.out
    assert f"{scores.pooled['test']['macro_f1']:.4f}" in outcome.out
    told = json.loads(run("evaluate", run_id, "--json").out)
    assert told["scores"] == scores.pooled["test"]
    assert [each["recording"] for each in told["recordings"]] == ["film2"]
    both = rows_of(run("evaluate", run_id, "--part", "validation", "--csv").out)
    assert [row["recording"] for row in both] == ["", "film1"]
    assert float(both[0]["macro_f1"]) == scores.pooled["validation"]["macro_f1"]


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_evaluate_makes_the_scores_that_an_earlier_version_did_not(run, trained, run_id, here):
    shutil.copytree(trained / "runs" / run_id, here / "runs" / run_id)
    folder = RunDirectory(here / "runs" / run_id)
    whole = {path: path.read_bytes() for path in (folder.scores, folder.score_frames)}
    for path in whole:
        path.unlink()
    record = json.loads(folder.record.read_text())
    folder.record.write_text(json.dumps({**record, "model_input": {}, "held_out": {}}))
    outcome = run("evaluate", run_id, "--runs-dir", here / "runs")
    assert outcome.code == 0, outcome.err
    assert {path: path.read_bytes() for path in whole} == whole
    after = json.loads(folder.record.read_text())
    assert {**after, "updated": ""} == {**record, "updated": ""}


def test_evaluate_makes_damaged_scores_anew(run, trained, run_id, here):
    shutil.copytree(trained / "runs" / run_id, here / "runs" / run_id)
    folder = RunDirectory(here / "runs" / run_id)
    whole = folder.scores.read_bytes()
    folder.scores.write_bytes(whole[:100])
    assert run("evaluate", run_id, "--runs-dir", here / "runs").code == 0
    assert folder.scores.read_bytes() == whole


def test_evaluate_refuses_other_data_under_the_same_name(run, trained, run_id, here, monkeypatch):
    shutil.copytree(trained / "data", here / "data")
    film = here / "data" / "mice" / "film1.csv"
    film.write_text(film.read_text().replace("0.1", "0.2"))
    monkeypatch.setenv("MABE_DATA", str(here / "data"))
    outcome = run("evaluate", run_id, "--part", "train")
    assert outcome.code == 2
    assert "trained on other data than is here: mice/film1.csv has other content" in outcome.err


def test_evaluate_refuses_recordings_that_are_parted_otherwise_than_for_training(run, trained, run_id, here):
    shutil.copytree(trained / "runs" / run_id, here / "runs" / run_id)
    folder = RunDirectory(here / "runs" / run_id)
    record = json.loads(folder.record.read_text())
    folder.record.write_text(json.dumps({**record, "partition": "0" * 64}))
    outcome = run("evaluate", run_id, "--runs-dir", here / "runs", "--part", "train")
    assert outcome.code == 2
    assert f"{run_id} was run on other parts: recordings does not give the same again" in outcome.err


def test_evaluate_on_training_recordings_says_so(run, trained, run_id):
    outcome = run("evaluate", run_id, "--part", "train")
    assert "trained on these recordings" in outcome.out
    again = run("evaluate", run_id, "--data", trained / "pair.yaml")
    assert "6 of the 6 files of this data" in again.out
    assert again.out.count("film") >= 3


def test_evaluate_on_other_classes_is_told(run, trained, run_id, here):
    text = (trained / "pair.yaml").read_text().replace("background: apart", "background: alone")
    (here / "other.yaml").write_text(text)
    outcome = run("evaluate", run_id, "--data", here / "other.yaml")
    assert outcome.code == 2
    assert "it does not know alone" in outcome.err


def test_a_study_is_told_as_mean_and_spread_over_seeds(run, trained):
    study = json.loads((trained / "runs" / STUDY / "study.json").read_text())
    values = [
        read_scores(RunDirectory(trained / "runs" / each["id"])).pooled["test"]["macro_f1"]
        for each in study["members"]
    ]
    told = json.loads(run("evaluate", STUDY, "--json").out)
    spread = told["settings"][0]["spread"]["macro_f1"]
    assert spread == {
        "mean": statistics.mean(values),
        "sd": statistics.stdev(values),
        "n": 2,
        "values": values,
    }
    outcome = run("evaluate", STUDY)
    assert f"{statistics.mean(values):.4f}" in outcome.out
    assert "over 2 seeds" in outcome.out


def test_folds_of_a_study_are_pooled_over_their_frames(run, trained, here):
    members = json.loads((trained / "runs" / STUDY / "study.json").read_text())["members"]
    for member in members:
        shutil.copytree(trained / "runs" / member["id"], here / "runs" / member["id"])
    folds = tuple(
        Member(id=member["id"], settings={"data.split.fold": fold, "seed": 0})
        for fold, member in enumerate(members)
    )
    missing = Member(id="pair-0123456789", settings={"data.split.fold": 2, "seed": 0})
    axes = ["data.split.fold", "seed"]
    study = Study(
        id="folds-0123456789", name="folds", description="", axes=axes, members=(*folds, missing), text=""
    )
    write_study(here / "runs", study)
    outcome = run("evaluate", "folds", "--json", "--runs-dir", here / "runs")
    assert outcome.code == 0, outcome.err
    told = json.loads(outcome.out)
    truth, guess = [], []
    for member in members:
        folder = RunDirectory(here / "runs" / member["id"])
        for each in read_frames(folder, read_scores(folder))["test"]:
            truth.append(each.truth.argmax(1))
            guess.append(each.predicted.argmax(1))
    expected = f1_score(np.concatenate(truth), np.concatenate(guess), average="macro")
    spread = told["settings"][0]["spread"]["macro_f1"]
    assert (spread["mean"], spread["sd"], spread["n"]) == (pytest.approx(expected), None, 1)
    assert told["settings"][0]["folds"] == 2
    assert "1 of the 3 members not trained yet" in run("evaluate", "folds", "--runs-dir", here / "runs").out
