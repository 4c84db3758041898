"""A recording of many hours is had in blocks: what comes of it is what comes of a short one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import mabe_core
from mabe_core import Pose, PoseLayout, PoseTracks
from mabe_core.discovery import load_plugins
from mabe_core.experiment import read_text, resolve
from mabe_core.training.features import FeaturePipeline
from tests.inference.conftest import points, write_pose

FEATURES = """\
name: many
data:
  dataset: synthetic
  features: [smooth, normalize, interpolate, motion]
model: transformer
"""


@pytest.fixture
def in_blocks(monkeypatch):
    """Have every array, however short, as a long one is had: in a file, a few frames at a time."""
    monkeypatch.setattr("mabe_core.long_arrays.IN_MEMORY", 0)
    monkeypatch.setattr("mabe_core.long_arrays.ROWS_AT_ONCE", 40)
    monkeypatch.setattr("mabe_core.training.scoring.WHOLE_AT_MOST", 0)
    monkeypatch.setattr("mabe_core.training.scoring.FRAMES_AT_ONCE", 64)
    monkeypatch.setattr("mabe_core.training.features.FRAMES_AT_ONCE", 50)


def film(folder, frames=700, fps=30.0):
    values = points(frames, 5)[0].astype(np.float32)
    values[100:140, 0, 1] = np.nan
    return write_pose(folder / "film.csv", values)


@pytest.mark.parametrize("study", [False, True])
@pytest.mark.parametrize("asked", [{}, {"fps": 60.0, "resample": True}])
def test_what_is_predicted_in_blocks_is_what_is_predicted_at_once(here, run_id, study, asked, request):
    model = mabe_core.load_model("pair_study-0123456789" if study else run_id)
    file = film(here)
    whole = model.predict(file, **asked)
    bouts = whole.bouts
    request.getfixturevalue("in_blocks")
    found = model.predict(file, **asked)
    np.testing.assert_allclose(found.probabilities, whole.probabilities, atol=1e-6)
    np.testing.assert_array_equal(found.labels, whole.labels)
    assert [(bout.start, bout.stop) for bout in found.bouts] == [(bout.start, bout.stop) for bout in bouts]
    assert [bout.probability for bout in found.bouts] == pytest.approx(
        [bout.probability for bout in bouts], abs=1e-6
    )


def test_individuals_and_keypoints_in_another_order_are_put_in_order_block_by_block(here, run_id, in_blocks):
    model = mabe_core.load_model(run_id)
    values = points(300, 5)[0].astype(np.float32)
    plain = model.predict(PoseTracks(values, ("resident", "intruder"), ("nose", "tail"), fps=30.0))
    turned = np.ascontiguousarray(values[:, ::-1, ::-1])
    found = model.predict(PoseTracks(turned, ("intruder", "resident"), ("tail", "nose"), fps=30.0))
    np.testing.assert_array_equal(found.probabilities, plain.probabilities)


def test_features_know_of_a_whole_recording_what_they_need_before_its_blocks_come(in_blocks):
    data = resolve(read_text(FEATURES, "many.yaml"), load_plugins()).data
    layout = PoseLayout(("a", "b"), ("nose", "neck", "tail_base"), 2, 30.0)
    pipeline = FeaturePipeline.build(data, layout)
    recording = torch.randn(300, 2, 3, 2, generator=torch.Generator().manual_seed(0)).cumsum(0)
    recording[50:60, 1] = torch.nan
    whole, names = pipeline.columns(pipeline.local(pipeline.whole(Pose(recording))))
    known = pipeline.known(lambda start, stop: recording[start:stop], len(recording))
    parts = [known.columns(pose) for pose in known.blocks(lambda a, b: recording[a:b], len(recording))]
    assert {each[1] for each in parts} == {names}
    torch.testing.assert_close(torch.cat([each[0] for each in parts]), whole, rtol=1e-4, atol=1e-4)


def test_a_feature_that_cannot_do_with_blocks_has_the_whole_recording(in_blocks):
    class Centred:
        context = None

        def __call__(self, pose: Pose) -> Pose:
            return Pose(pose.points - pose.points.mean())

    layout = PoseLayout(("a",), ("nose",), 2, 30.0)
    pipeline = FeaturePipeline(layout, (Centred(),), (), ())
    assert pipeline.known(lambda start, stop: torch.zeros(stop - start, 1, 1, 2), 10) is None
