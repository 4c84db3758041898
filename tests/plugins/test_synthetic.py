"""The generated mice behave as docs/synthetic-data.md says, and are the same mice everywhere."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import attrs
import numpy as np
import pytest
from numpy.typing import NDArray

from mabe_core import DataAccess, Dataset
from mabe_plugins.synthetic import SyntheticConfig, mabe_datasets
from mabe_plugins.synthetic.activities import ACTIVITIES

DOCS = Path(__file__).parents[2] / "docs" / "synthetic-data.md"
SMALL = SyntheticConfig(train_recordings=4, validation_recordings=2, seconds=20.0)


def generated(config: SyntheticConfig = SMALL) -> Dataset:
    (spec,) = mabe_datasets()
    return spec.build(config, DataAccess(()))


@pytest.fixture(scope="module")
def day() -> Dataset:
    """Return an hour of mice."""
    return generated(SyntheticConfig(train_recordings=20, validation_recordings=4, seconds=150.0))


@pytest.fixture(scope="module")
def clean() -> Dataset:
    """Return mice as they are, before a tracker sees them."""
    config = SyntheticConfig(train_recordings=8, seconds=150.0, tracking_noise=0.0, missing=0.0)
    return generated(config)


def classes(dataset: Dataset) -> list[NDArray[np.int64]]:
    return [recording.views[0].labels.argmax(axis=1) for recording in dataset.recordings]


def bouts(track: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield class and length in frames of each whole bout of a recording."""
    borders = np.flatnonzero(np.diff(track)) + 1
    for start, stop in pairwise(borders):
        yield int(track[start]), int(stop - start)


def sha256(dataset: Dataset) -> str:
    digest = hashlib.sha256()
    for recording in dataset.recordings:
        assert recording.confidence is not None
        for array in (recording.points, recording.confidence, recording.views[0].labels):
            digest.update(np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()


def test_a_seed_gives_the_same_bytes_on_every_machine() -> None:
    assert sha256(generated()) == ("04008fe78d481b279b6ed4af17da4338e716070a5c2f7fbb2547d74aa6a27c23")
    assert sha256(generated(attrs.evolve(SMALL, seed=1))) != sha256(generated())


def test_more_recordings_leave_the_first_ones_as_they_were() -> None:
    more = {
        recording.name: recording
        for recording in generated(attrs.evolve(SMALL, train_recordings=6)).recordings
    }
    for recording in generated().recordings:
        np.testing.assert_array_equal(recording.points, more[recording.name].points)


def test_training_and_validation_are_different_recordings() -> None:
    recordings = generated().recordings
    assert [recording.role for recording in recordings] == ["train"] * 4 + ["validation"] * 2
    assert len({recording.points.tobytes() for recording in recordings}) == 6
    assert len({recording.groups["subject"] for recording in recordings}) == 6


def test_two_mice_of_seven_keypoints_make_28_columns_of_pixels() -> None:
    dataset = generated()
    assert dataset.classes == ("attack", "investigation", "mount", "other")
    assert dataset.exclusive
    for recording in dataset.recordings:
        assert recording.points.shape == (600, 2, 7, 2)
        assert recording.points.dtype == np.float32
        assert recording.individuals == ("resident", "intruder")
        assert recording.keypoints == (
            "nose",
            "left_ear",
            "right_ear",
            "neck",
            "left_hip",
            "right_hip",
            "tail",
        )
        (view,) = recording.views
        assert view.individuals == (0, 1)
        assert view.labels.dtype == np.int8
        assert (view.labels.sum(axis=1) == 1).all()
        assert recording.fps == 30.0


def test_classes_are_as_frequent_as_in_calms21(day: Dataset) -> None:
    share = np.bincount(np.concatenate(classes(day)), minlength=4) / sum(map(len, classes(day)))
    assert share == pytest.approx([0.03, 0.28, 0.08, 0.61], abs=0.04)


def test_bouts_last_as_long_as_documented(day: Dataset) -> None:
    lengths = np.array([bout for track in classes(day) for bout in bouts(track)])
    medians = [np.median(lengths[lengths[:, 0] == index, 1]) / 30 for index in range(3)]
    assert medians == pytest.approx([1.2, 1.8, 2.5], rel=0.25)


def test_mice_run_but_do_not_teleport(clean: Dataset) -> None:
    for recording in clean.recordings:
        step = np.linalg.norm(np.diff(recording.points, axis=0), axis=-1)
        assert step.max() < 80, "pixels a frame; 80 are 18 body lengths a second"
        assert np.median(step) > 0.3


def test_bodies_keep_their_shape(clean: Dataset) -> None:
    for recording in clean.recordings:
        nose, left_ear, right_ear, neck, left_hip, right_hip, tail = np.moveaxis(recording.points, 2, 0)
        length = np.linalg.norm(nose - neck, axis=-1) + np.linalg.norm(neck - tail, axis=-1)
        assert (length.min(axis=0) > 0.85 * length.max(axis=0)).all(), (
            "a bent body is no shorter along its bend"
        )
        assert ((length.mean(axis=0) > 105) & (length.mean(axis=0) < 155)).all()
        for left, right in ((left_ear, right_ear), (left_hip, right_hip)):
            ahead, leftward = neck - tail, left - right
            # the image's y axis points down: left of what points ahead is a negative cross product
            assert (ahead[..., 0] * leftward[..., 1] - ahead[..., 1] * leftward[..., 0] < 0).mean() > 0.99


def test_mice_stay_in_the_arena(day: Dataset) -> None:
    for recording in day.recordings:
        assert np.nanmin(recording.points) > -60
        assert (np.nanmax(recording.points, axis=(0, 1, 2)) < (1084, 630)).all()


def test_points_go_missing_in_runs_at_the_rate_asked_for() -> None:
    dataset = generated(attrs.evolve(SMALL, missing=0.1, missing_seconds=0.5, seconds=60.0))
    gone = np.stack([np.isnan(recording.points) for recording in dataset.recordings])
    assert (gone[..., 0] == gone[..., 1]).all()
    gone = gone[..., 0]
    assert gone.mean() == pytest.approx(0.1, abs=0.01)
    begun = gone[:, 1:] & ~gone[:, :-1]
    assert gone.sum() / begun.sum() / 30 == pytest.approx(0.5, rel=0.25)
    confidence = np.stack([recording.confidence for recording in dataset.recordings])
    assert confidence[gone].max() < confidence[~gone].mean()


def test_noise_moves_points_by_what_was_asked_for() -> None:
    still = generated(attrs.evolve(SMALL, tracking_noise=0.0, missing=0.0))
    noisy = generated(attrs.evolve(SMALL, tracking_noise=3.0, missing=0.0))
    difference = [a.points - b.points for a, b in zip(noisy.recordings, still.recordings, strict=True)]
    assert np.std(difference) == pytest.approx(3.0, rel=0.02)


def test_investigation_oscillates_faster_than_what_it_is_mistaken_for(clean: Dataset) -> None:
    """The head's yaw changes direction more often in investigation than in `other` at the same distance."""
    turns: dict[bool, list[float]] = {True: [], False: []}
    for recording, track in zip(clean.recordings, classes(clean), strict=True):
        resident, intruder = recording.points[:, 0].astype(np.float64), recording.points[:, 1]
        axis, head = resident[:, 3] - resident[:, 6], resident[:, 0] - resident[:, 3]
        yaw = axis[:, 0] * head[:, 1] - axis[:, 1] * head[:, 0]
        near = np.linalg.norm(resident[:, None, 0] - intruder, axis=-1).min(axis=1) < 40
        reversed_ = np.append([False, False], np.diff(np.sign(np.diff(yaw))) != 0)
        for name in (True, False):
            chosen = near & (track == (1 if name else 3))
            turns[name].append(float(reversed_[chosen].mean()))
    assert np.mean(turns[True]) > 2 * np.mean(turns[False])


def test_there_may_be_no_validation_recordings_but_not_no_training_ones() -> None:
    assert len(generated(attrs.evolve(SMALL, validation_recordings=0)).recordings) == 4
    with pytest.raises(ValueError, match="train_recordings"):
        SyntheticConfig(train_recordings=0)


def test_the_docs_list_what_is_drawn() -> None:
    rows = ["| activity | class | share | median length | resident's goal, speed |", "|---|---|---|---|---|"]
    for activity in ACTIVITIES:
        drive = activity.resident
        rows.append(
            f"| {activity.name} | {activity.behaviour} | {activity.share or '–'} | {activity.seconds} s "
            f"| {drive.goal}, {drive.speed[0]:g} to {drive.speed[1]:g} body lengths/s |"
        )
    assert "\n".join(rows) in DOCS.read_text(encoding="utf-8"), "\n".join(rows)
