"""What a plugin's component promises is checked: it cannot make wrong results in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

BAD = Path(__file__).parents[1] / "files" / "bad.py"


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("data.dataset={name: bad, how: no_recordings}", "dataset bad gave no recording"),
        ("data.dataset={name: bad, how: labels_short}", "recording r1 with labels (163, 2) of int8, not (200, 2)"),
        ("data.dataset={name: bad, how: float64}", "recording r0 with points of float64, not float32"),
        ("data.dataset={name: bad, how: bool_labels}", "of bool, not (200, 2) of int8"),
        ("data.dataset={name: bad, how: view}", "a view of individuals (0, 5), of which there are 2"),
        ("data.dataset={name: bad, how: same_names}", "more than one recording of the name same"),
        ("data.dataset={name: bad, how: same_classes}", "more than one class of the name x"),
        ("data.dataset={name: bad, how: not_exclusive}", "loss: cross_entropy is for classes that exclude each other"),
        ("data.dataset={name: bad, how: infinite}", "1 of 1600 inputs are missing"),
        ("data.split={name: bad, how: beyond}", "of a recording of 400 frames"),
        ("data.split={name: bad, how: negative}", "data.split: split bad gave Segment"),
        ("data.split={name: bad, how: overlap}", "gave frame 100 of tiny0 to two segments"),
        ("data.features=[bad]", "399 frames are left of the 400 of tiny0"),
        ("model={name: bad, how: classes}", "model: bad maps (2, 16, 8) to (2, 16, 3), not to (2, 16, 2)"),
        ("model={name: bad, how: raises}", "model: model bad raised RuntimeError: half built ("),
        ("model={name: bad, how: raises}", "bad.py:"),
        ("model={name: bad, how: exits}", "SystemExit"),
        ("model={name: bad, how: forward}", "model: model bad raised ValueError: no such frame ("),
        ("loss=bad", "loss: bad gives (2, 16), not one number"),
        ("metrics=[accuracy, f1, bad]", "metrics: two metrics give a score named 'accuracy'"),
        ("scheduler=bad", "scheduler: bad gives nan at step 0"),
        ("loss.class_weights=[0, 0]", "class_weights must be >= 0, and not all of them 0"),
        ("training.windows_per_epoch=100000000000000", "must be"),
        ("device=gpu", "device"),
    ],
)  # fmt: skip
def test_a_broken_promise_is_told_with_its_place_and_leaves_nothing(mabe, tiny, tmp_path, setting, told):
    outcome = mabe("run", tiny, "-p", BAD, "--set", setting)
    assert outcome.code == 2, outcome.err + outcome.out
    assert told in outcome.err
    assert "Traceback" not in outcome.err
    assert not list((tmp_path / "runs").glob("*/*"))


def test_validation_without_a_label_is_refused_and_unscored_frames_are_told(mabe, tiny):
    words = ("run", tiny, "-p", BAD, "--set", "training.windows_per_epoch=8", "--set")
    refused = mabe(*words, "data.dataset={name: bad, how: val_unlabelled}")
    assert refused.code == 2
    assert "no validation frame that a window reaches is labelled" in refused.err
    outcome = mabe(*words, "data.dataset={name: bad, how: short_validation}")
    assert outcome.code == 0, outcome.err
    assert "10 validation frames lie in stretches shorter than a window, and are not scored" in outcome.out


def test_gaps_that_augmentation_leaves_are_told_before_training(mabe, tiny):
    words = ("run", tiny, "--set", "data.augmentations=[keypoint_dropout]", "--set")
    refused = mabe(*words, "data.features=[interpolate, normalize]")
    assert refused.code == 2
    assert "data.augmentations: they leave" in refused.err
    assert "Add the feature `interpolate`, or move it behind the last" in refused.err
    outcome = mabe(*words, "data.features=[normalize, interpolate]")
    assert outcome.code == 0, outcome.err
