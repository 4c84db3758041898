"""Frames that may have several classes: trained, validated, scored, predicted, reported and compared."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, confusion_matrix, f1_score

from mabe_core import DataAccess, PoseTracks, load_model
from mabe_core.discovery import load_plugins
from mabe_core.experiment import read_document, resolve
from mabe_core.runs.scores import read_frames, read_scores
from mabe_core.training.validation import ClassCounts
from mabe_plugins.mabe_f_beta import Interval, Video, f_beta
from tests.conftest import FILES
from tests.training.test_held_out import only_run

CLASSES = ("meet", "tall", "wide")
SETTINGS = (
    "data.dataset=several",
    "data.split={name: recordings, validation: [several0, several1], test: [several4, several5, several3]}",
    "loss=binary_cross_entropy",
    "metrics=[accuracy, f1, average_precision, segments, bouts, mabe_f_beta]",
    "post_processing=[thresholds]",
    "training.epochs=2",
)


@pytest.fixture
def file(tiny):
    tiny.write_text(tiny.read_text().replace(str(FILES / "tiny.py"), str(FILES / "several.py")))
    return tiny


@pytest.fixture
def run(mabe, file, tmp_path):
    outcome = mabe("run", file, *(word for setting in SETTINGS for word in ("--set", setting)))
    assert outcome.code == 0, outcome.err
    return only_run(tmp_path)


def test_its_scores_are_scikit_learns_over_the_frames_that_are_labelled_for_a_class(run):
    found = read_scores(run)
    frames = read_frames(run, found)["test"]
    truth, guess, probability = (
        np.concatenate([getattr(each, name) for each in frames])
        for name in ("truth", "predicted", "probability")
    )
    scores = found.pooled["test"]
    each = []
    for column, name in enumerate(CLASSES):
        known = truth[:, column] >= 0
        each.append(f1_score(truth[known, column], guess[known, column]))
        assert scores[f"f1_{name}"] == pytest.approx(each[-1])
        expected = average_precision_score(truth[known, column], probability[known, column])
        assert scores[f"ap_{name}"] == pytest.approx(expected, abs=1e-3)
    assert scores["macro_f1"] == pytest.approx(np.mean(each))
    assert scores["macro_f1"] > 0.8
    assert (guess.sum(1) > 1).any()
    assert "accuracy" not in scores
    truly = truth >= 0
    right = np.where(truth == 1, probability, 1 - probability.astype(float))[truly].astype(float)
    assert found.stretches["test"][0].confusion is None
    last = json.loads(run.metrics.read_text().splitlines()[-1])
    assert len(last["counts"]) == 3
    assert 0 < -np.log(right.clip(1e-6)).mean() < last["val_loss"] + 0.3


def test_the_challenges_score_is_that_of_its_intervals(run):
    found = read_scores(run)
    truth, guess, videos = [], [], {}
    for stretch, frames in zip(found.stretches["test"], read_frames(run, found)["test"], strict=True):
        listed = []
        for column, name in enumerate(CLASSES):
            known = frames.truth[:, column] >= 0
            if not known.any():
                continue
            listed.append(("a", "b", name))
            for track, into in ((frames.truth, truth), (frames.predicted, guess)):
                for frame in np.flatnonzero((track[:, column] == 1) & known):
                    # a pair shows one action at a time there: each class is a video of its own
                    into.append(Interval(f"{stretch.recording}.{name}", "a", "b", name, frame, frame + 1))
            videos[f"{stretch.recording}.{name}"] = Video(stretch.groups["lab"], frozenset(listed))
    assert {video.lab for video in videos.values()} == {"A", "B"}
    assert found.pooled["test"]["mabe_f_beta"] == pytest.approx(f_beta(truth, guess, videos))


def test_an_epochs_counts_leave_out_what_is_unlabelled():
    rng = torch.Generator().manual_seed(0)
    truth = torch.randint(-1, 2, (4, 50, 3), generator=rng, dtype=torch.int8)
    scores = torch.randn(4, 50, 3, generator=rng)
    counts = ClassCounts.empty(3, torch.device("cpu"))
    for part in (slice(0, 1), slice(1, 4)):
        counts.add(truth[part], scores[part])
    for column, (hits, false, missed) in enumerate(counts.counts.tolist()):
        known = truth[..., column] >= 0
        matrix = confusion_matrix(truth[..., column][known], (scores[..., column] > 0)[known])
        assert [[false], [missed, hits]] == [[matrix[0, 1]], matrix[1].tolist()]


def test_evaluating_again_gives_what_the_run_kept(mabe, run):
    again = mabe("evaluate", run.id, "--part", "validation", "--json")
    assert json.loads(again.out)["scores"] == read_scores(run).pooled["validation"]


def test_predict_gives_bouts_of_each_class_that_overlap(run, mabe, tmp_path):
    document = read_document(run.experiment)
    experiment = resolve(document, load_plugins(document.plugin_files))
    recording = experiment.data.dataset.build(DataAccess(())).recordings[4]
    tracks = PoseTracks(recording.points, recording.individuals, recording.keypoints, fps=30.0)
    found = load_model(run.path).predict(tracks)
    kept = read_frames(run, read_scores(run))["test"][1]
    names = [each.recording for each in read_scores(run).stretches["test"]]
    assert names[1] == "several4"
    np.testing.assert_array_equal(found.labels, kept.predicted)
    per_class = {name: [bout for bout in found.bouts if bout.behaviour == name] for name in CLASSES}
    assert all(per_class.values())
    found.save(tmp_path / "bouts.csv")
    rows = list(csv.DictReader((tmp_path / "bouts.csv").read_text().splitlines()))
    frames = np.zeros((400, 3), dtype=np.int8)
    for row in rows:
        frames[int(row["start_frame"]) : int(row["stop_frame"]), CLASSES.index(row["behaviour"])] = 1
    np.testing.assert_array_equal(frames, found.labels)


@pytest.mark.parametrize("command", ["evaluate", "report", "runs", "compare"])
def test_what_looks_at_runs_takes_such_a_run(run, mabe, command, file):
    named = [run.id]
    if command == "compare":
        mabe("run", file, "--set", "seed=2", *(word for setting in SETTINGS for word in ("--set", setting)))
        named = [path.name for path in run.path.parent.iterdir()]
        assert len(named) == 2
    words = {"runs": [], "report": [*named, "-o", "-"]}.get(command, named)
    outcome = mabe(command, *words)
    assert outcome.code == 0, outcome.err
    assert run.id in outcome.out or "macro_f1" in outcome.out


@pytest.mark.parametrize(
    ("dataset", "loss", "told"),
    [
        (
            "several",
            "cross_entropy",
            "cross_entropy is for classes that exclude each other; those of this data may share",
        ),
        (
            "tiny",
            "binary_cross_entropy",
            "is for classes that may share a frame; those of this data exclude each other",
        ),
    ],
)
def test_a_loss_of_the_other_kind_is_refused_with_one_that_fits(mabe, tiny, dataset, loss, told):
    plugin = FILES / f"{dataset}.py"
    tiny.write_text(tiny.read_text().replace(str(FILES / "tiny.py"), str(plugin)))
    words = ("--set", f"data.dataset={dataset}", "--set", f"loss={loss}")
    split = ("--set", "data.split={name: recordings, validation: 0.3}")
    outcome = mabe("run", tiny, *words, *split)
    assert outcome.code == 2
    assert told in " ".join(outcome.err.split())
    assert "Name another loss, such as" in " ".join(outcome.err.split())


def test_with_augmentation_and_a_gap_between_frames_too(mabe, file, tmp_path):
    more = ("data.augmentations=[mirror]", "data.frame_gap=2", "device=cpu", "training.epochs=1")
    outcome = mabe("run", file, *(word for setting in (*SETTINGS, *more) for word in ("--set", setting)))
    assert outcome.code == 0, outcome.err
