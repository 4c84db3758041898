"""load_model and Model.predict: what fits is labelled, what does not is told with a remedy."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

import mabe_core
from mabe_core import LabelRules, PoseTracks, UserError, label_track
from mabe_core.discovery import load_plugins
from mabe_core.runs.directory import RunDirectory
from mabe_core.runs.scores import read_frames, read_scores
from tests.inference.conftest import points, write_pose


@pytest.fixture
def model(here, run_id):
    return mabe_core.load_model(run_id)


def tracks(frames: int = 400, seed: int = 2, **changed) -> PoseTracks:
    values = {
        "points": points(frames, seed)[0].astype(np.float32),
        "individuals": ("resident", "intruder"),
        "keypoints": ("nose", "tail"),
        "fps": 30.0,
    }
    return PoseTracks(**{**values, **changed})


def test_a_file_is_labelled_as_it_was_at_the_end_of_training(model, trained, run_id):
    found = model.predict(trained / "data" / "mice" / "film2.csv")
    run = RunDirectory(trained / "runs" / run_id)
    scores = read_scores(run)
    (kept,) = read_frames(run, scores)["test"]
    np.testing.assert_array_equal(found.labels, kept.predicted)
    np.testing.assert_array_equal(found.probabilities.astype(np.float16), kept.probability)
    assert (found.labels[:, 0] == points(400, 2)[1]).mean() > 0.9


def test_bouts_are_the_runs_of_labels_without_the_background(model):
    found = model.predict(tracks())
    assert {bout.behaviour for bout in found.bouts} == {"meet"}
    assert found.background == "apart"
    painted = np.zeros(found.frames, dtype=bool)
    for bout in found.bouts:
        assert (bout.agent, bout.target) == ("resident", "intruder")
        assert bout.start_second == pytest.approx(bout.start / 30)
        assert bout.probability == pytest.approx(
            found.probabilities[bout.start : bout.stop, 0].mean(), rel=1e-5
        )
        assert not painted[max(bout.start - 1, 0) : bout.stop].any()
        painted[bout.start : bout.stop] = True
    np.testing.assert_array_equal(painted, found.labels[:, 0] == 1)


def test_only_the_folder_is_needed(model, here, trained, run_id, monkeypatch):
    shutil.copytree(trained / "runs" / run_id, here / "given")
    monkeypatch.delenv("MABE_DATA")
    monkeypatch.delenv("MABE_RUNS")
    again = mabe_core.load_model("./given")
    np.testing.assert_array_equal(
        again.predict(tracks()).probabilities, model.predict(tracks()).probabilities
    )


def test_keypoints_in_another_order_and_more_of_them_are_the_same_to_the_model(model):
    plain = tracks()
    more = np.stack([plain.points[:, :, 1], plain.points[:, :, 0] * 9, plain.points[:, :, 0]], axis=2)
    found = model.predict(tracks(points=more, keypoints=("tail", "ear", "nose")))
    np.testing.assert_array_equal(found.probabilities, model.predict(plain).probabilities)
    assert found.notes == ("keypoints that the model does not know, left out: ear",)


def test_individuals_are_told_by_name_whatever_their_order_in_the_file(model):
    plain = tracks()
    turned = tracks(points=plain.points[:, ::-1], individuals=("intruder", "resident"))
    found = model.predict(turned)
    np.testing.assert_array_equal(found.probabilities, model.predict(plain).probabilities)
    assert found.views[0].agent == "resident"


def test_other_individuals_are_taken_in_the_files_order_and_told(model):
    found = model.predict(tracks(individuals=("m1", "m2")))
    assert "m1, m2 for resident, intruder" in found.notes[0]
    assert found.bouts[0].agent == "m1"
    turned = model.predict(tracks(individuals=("m1", "m2")), individuals=["m2", "m1"])
    assert not turned.notes
    assert turned.bouts[0].agent == "m2"


@pytest.mark.parametrize("names", [{"snout": "nose"}, {"nose": "snout"}])
def test_a_keypoint_of_another_name_is_mapped_either_way_round(model, names):
    found = model.predict(tracks(keypoints=("snout", "tail")), names=names)
    np.testing.assert_array_equal(found.probabilities, model.predict(tracks()).probabilities)


@pytest.mark.parametrize(
    ("changed", "asked", "message"),
    [
        ({"keypoints": ("snout", "tail")}, {}, r"lacks the keypoints nose.*--map snout=nose"),
        (
            {"keypoints": ("snout", "tail")},
            {"names": {"snuot": "nose"}},
            r"'snuot' is neither's\. Did you mean 'snout'",
        ),
        (
            {"keypoints": ("snout", "tail")},
            {"names": {"snout": "nos"}},
            r"'nos' is neither's\. Did you mean 'nose'",
        ),
        ({"fps": 25.0}, {}, r"25 frames a second; the model was trained on 30.*--resample"),
        ({"fps": 25.0}, {"fps": 30.0}, r"says 25 frames a second, --fps 30"),
        ({}, {"individuals": ["residen"]}, r"has no individual 'residen'\. Did you mean 'resident'"),
        ({}, {"individuals": ["resident", "resident"]}, r"is asked for with resident twice"),
        ({}, {"individuals": ["resident"]}, r"is asked for with 1 of its individuals; the model takes 2"),
    ],
)
def test_what_does_not_fit_is_told_with_what_to_do(model, changed, asked, message):
    with pytest.raises(UserError, match=message):
        model.predict(tracks(**changed), **asked)


def test_one_individual_where_two_are_needed_is_told_without_a_remedy_that_is_none(model):
    with pytest.raises(UserError, match=r"has 1 individual \(x\); the model was trained on 2 .*\)\.$"):
        model.predict(tracks(points=tracks().points[:, :1], individuals=("x",)))


def test_a_third_individual_is_told(model):
    plain = tracks().points
    three = np.concatenate([plain, plain[:, :1] + 3], axis=1)
    with pytest.raises(UserError, match=r"has 3 individuals .*trained on 2 .*--individuals x,y"):
        model.predict(tracks(points=three, individuals=("x", "y", "z")))
    found = model.predict(
        tracks(points=three[:, [2, 1, 0]], individuals=("stranger", "intruder", "resident"))
    )
    np.testing.assert_array_equal(found.probabilities, model.predict(tracks()).probabilities)
    assert "left out: stranger" in found.notes[0]


def test_points_in_three_dimensions_are_refused(model):
    with pytest.raises(UserError, match="points in 3 dimensions; the model was trained on 2"):
        model.predict(tracks(points=np.zeros((20, 2, 2, 3), dtype=np.float32)))


def test_another_frame_rate_is_resampled_where_asked_for(model):
    double = np.repeat(tracks().points, 2, axis=0)
    found = model.predict(tracks(points=double, fps=60.0), resample=True)
    assert found.frames == 800
    assert found.fps == 60.0
    plain = model.predict(tracks()).labels[:, 0]
    assert (found.labels[:, 0] == np.repeat(plain, 2)).mean() > 0.97
    assert found.bouts[0].stop_second == pytest.approx(found.bouts[0].stop / 60)


def test_a_recording_shorter_than_a_window_is_labelled(model):
    assert model.predict(tracks(frames=5)).labels.sum(axis=1).tolist() == [1] * 5


def test_events_for_boris_are_read_back_as_the_same_labels(model, here):
    found = model.predict(tracks(points=np.repeat(tracks().points, 7, axis=0)[3:1999]))
    file = found.save(here / "film.boris.csv", form="boris_events")
    spec = load_plugins().find("label_reader", "boris").spec
    annotation = spec.build(spec.config())(file)
    rules = LabelRules(classes=("meet", "apart"), background="apart")
    np.testing.assert_array_equal(
        label_track(annotation, found.frames, 30.0, rules, file).labels, found.labels
    )


def test_nothing_is_overwritten_unasked(model, here):
    found = model.predict(tracks())
    file = found.save(here / "bouts.csv")
    before = file.read_bytes()
    with pytest.raises(UserError, match="exists"):
        found.save(file, frames=True)
    assert file.read_bytes() == before
    assert found.save(file, frames=True, force=True).read_text().count("\n") == 401
    assert [path.name for path in here.iterdir()] == ["bouts.csv"]


def test_a_study_is_the_mean_of_its_members(here, trained):
    members = json.loads((trained / "runs" / "pair_study-0123456789" / "study.json").read_text())["members"]
    each = [mabe_core.load_model(member["id"]).predict(tracks()).probabilities for member in members]
    assert not np.array_equal(*each)
    study = mabe_core.load_model("pair_study")
    np.testing.assert_allclose(study.predict(tracks()).probabilities, np.mean(each, axis=0), atol=1e-6)
    assert "mean of 2 models" in study.told


def test_the_best_checkpoint_of_an_unfinished_run_is_used_and_told(here, trained, run_id):
    shutil.copytree(trained / "runs" / run_id, here / "runs" / run_id)
    record = here / "runs" / run_id / "record.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "state": "interrupted"}))
    with pytest.warns(UserWarning, match="is interrupted: this is its best checkpoint so far"):
        mabe_core.load_model(run_id, runs_dir=here / "runs")


def test_changed_weights_are_refused(here, trained, run_id):
    shutil.copytree(trained / "runs" / run_id, here / "given")
    best = json.loads((here / "given" / "best.json").read_text())["checkpoint"]
    weights = here / "given" / "checkpoints" / best / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(UserError, match=r"model\.safetensors was changed"):
        mabe_core.load_model("./given")


def test_a_run_of_an_earlier_version_says_what_to_do(here, trained, run_id):
    shutil.copytree(trained / "runs" / run_id, here / "runs" / run_id)
    record = here / "runs" / run_id / "record.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "model_input": {}}))
    with pytest.raises(UserError, match=f"mabe evaluate {run_id}"):
        mabe_core.load_model(run_id, runs_dir=here / "runs")


def test_no_torch_comes_with_the_package():
    code = "import sys, mabe_core; print('torch' in sys.modules, 'load_model' in mabe_core.__all__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


def test_loading_draws_no_random_numbers(here, run_id):
    import torch

    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    mabe_core.load_model(run_id)
    assert torch.equal(torch.rand(1), expected)


def test_a_file_that_does_not_tell_its_rate_takes_the_experiments_and_says_so(model, here):
    file = write_pose(here / "new.csv", points(60, 5)[0])
    assert "taken as 30 frames a second" in " ".join(model.predict(file).notes)
    assert not model.predict(file, fps=30.0).notes
