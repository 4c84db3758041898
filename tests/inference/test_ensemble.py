"""The mean of a study's models, scored: each recording by the models that it was held out from."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest
from sklearn.metrics import f1_score

from mabe_core import DataAccess, PoseTracks, load_model
from mabe_core.discovery import load_plugins
from mabe_core.experiment import read_document, resolve
from mabe_core.inference.study_scores import FOLD
from mabe_core.runs.directory import all_runs
from mabe_core.runs.scores import read_frames, read_scores
from mabe_core.runs.study import Member, Study, write_study

QUICK = ("training.epochs=1", "training.windows_per_epoch=60", "optimizer.learning_rate=2e-3")
STUDY = "tiny_study-0123456789"


def recordings(file):
    document = read_document(file)
    experiment = resolve(document, load_plugins(document.plugin_files))
    return experiment.data.dataset.build(DataAccess(())).recordings


@pytest.fixture
def evaluate(mabe, tiny, tmp_path):
    """Return a function that makes runs of the tiny experiment a study, and what is told of it."""

    def run(split: str, *members: dict) -> dict:
        if "post_processing" not in tiny.read_text():
            tiny.write_text(tiny.read_text() + "post_processing: [hmm]\n")
        ids: list[str] = []
        for settings in members:
            changed = [f"{key}={value}" for key, value in settings.items()]
            words = [word for each in (*QUICK, f"data.split={split}", *changed) for word in ("--set", each)]
            outcome = mabe("run", tiny, *words)
            assert outcome.code == 0, outcome.err
            ids.append(outcome.out.rpartition("experiment id")[2].split()[0])
        found = tuple(Member(id=each, settings=settings) for each, settings in zip(ids, members, strict=True))
        study = Study(id=STUDY, name="tiny", description="", axes=list(members[0]), members=found, text="")
        write_study(tmp_path / "runs", study)
        return json.loads(mabe("evaluate", STUDY, "--json").out)

    return run


def test_it_is_the_score_of_what_predict_says_with_all_models(evaluate, mabe, tiny, tmp_path):
    parts = "{name: recordings, validation: [tiny1], test: [tiny2, tiny3]}"
    told = evaluate(parts, *({"seed": seed} for seed in (1, 2, 3)))
    model = load_model(STUDY, runs_dir=tmp_path / "runs")
    truth, guess = [], []
    for recording in recordings(tiny)[2:]:
        tracks = PoseTracks(recording.points, recording.individuals, recording.keypoints, fps=30.0)
        guess.append(model.predict(tracks).labels.argmax(1))
        truth.append(recording.views[0].labels.argmax(1))
    expected = f1_score(np.concatenate(truth), np.concatenate(guess), average="macro")
    singles = told["settings"][0]["spread"]["macro_f1"]["values"]
    assert expected not in singles
    assert told["ensemble"]["scores"]["macro_f1"] == pytest.approx(expected, abs=2e-3)  # kept as float16
    assert f"{told['ensemble']['scores']['macro_f1']:.4f}" in mabe("evaluate", STUDY).out


def test_models_that_were_trained_on_a_recording_have_no_say_in_it(evaluate, tmp_path):
    folds = [{FOLD: fold, "seed": seed} for fold in (0, 1) for seed in (1, 2)]
    told = evaluate("{name: recordings, validation: 0.4, folds: 2, fold: 0}", *folds)
    sums: dict[str, np.ndarray] = {}
    for run in all_runs(tmp_path / "runs"):
        scores = read_scores(run)
        for stretch, frames in zip(scores.stretches["test"], read_frames(run, scores)["test"], strict=True):
            sums[stretch.recording] = sums.get(stretch.recording, 0) + frames.probability.astype(np.float32)
    assert sorted(sums) == ["tiny0", "tiny1", "tiny2", "tiny3"]
    found = {each["recording"]: each for each in told["ensemble"]["recordings"]}
    assert sorted(found) == sorted(sums)
    assert told["ensemble"]["model"] == "the mean of 2 models a recording"
    assert all(np.allclose(total.sum(1), 2, atol=0.01) for total in sums.values())


def test_each_setting_has_the_mean_of_its_own_models(evaluate, mabe):
    parts = "{name: recordings, validation: [tiny1], test: [tiny2, tiny3]}"
    grid = [{"model.hidden_dim": dim, "seed": seed} for dim in (8, 16) for seed in (1, 2)]
    both = evaluate(parts, *grid)
    assert "ensemble" in mabe("evaluate", STUDY).out
    rows = list(csv.DictReader(io.StringIO(mabe("evaluate", STUDY, "--csv").out)))
    for number, dim in enumerate((8, 16)):
        alone = evaluate(parts, *[each for each in grid if each["model.hidden_dim"] == dim])
        assert both["settings"][number]["ensemble"] == alone["ensemble"]["scores"]
        assert alone["settings"][0]["ensemble"] is None
        (row,) = [r for r in rows if r["model.hidden_dim"] == str(dim) and r["metric"] == "macro_f1"]
        assert float(row["ensemble"]) == alone["ensemble"]["scores"]["macro_f1"]


def test_a_study_of_one_model_a_fold_has_none(evaluate):
    folds = ({FOLD: fold} for fold in (0, 1))
    told = evaluate("{name: recordings, validation: 0.4, folds: 2, fold: 0}", *folds)
    assert told["ensemble"] is None
