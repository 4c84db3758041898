"""Models that look at ordered pairs of individuals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import mabe_core
from mabe_core import PoseTracks, UserError
from mabe_core.runs.directory import RunDirectory
from mabe_core.runs.scores import read_scores

# each ordered pair of two animals is a view: the label is whether the agent is the first of them
PAIRS = """
import attrs
from mabe_core import DatasetSpec, View, hookimpl
import tiny

def build(config, access):
    made = tiny.build(config, access)
    recordings = tuple(
        attrs.evolve(each, views=(View((0, 1), each.views[0].labels), View((1, 0), each.views[0].labels)))
        for each in made.recordings
    )
    return attrs.evolve(made, recordings=recordings)

@hookimpl
def mabe_datasets():
    return [DatasetSpec(name="pairs", config=tiny.TinyConfig, build=build)]
"""

# what somebody annotated who marked meetings and nothing else
MEETINGS = """
import attrs
import numpy as np
from mabe_core import DatasetSpec, View, hookimpl
import tiny

def build(config, access):
    made = tiny.build(config, access)
    recordings = tuple(
        attrs.evolve(each, views=tuple(
            View(view.individuals, np.where(view.labels[:, 1:] == 1, 1, -1).astype(np.int8)) for view in each.views
        ))
        for each in made.recordings
    )
    return attrs.evolve(made, recordings=recordings, classes=("meet",))

@hookimpl
def mabe_datasets():
    return [DatasetSpec(name="meetings", config=tiny.TinyConfig, build=build)]
"""


@pytest.fixture
def pairs(mabe, tiny, tmp_path, monkeypatch):
    """Return the run directory of a model trained on ordered pairs."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "files"))
    (tmp_path / "pairs.py").write_text(PAIRS)
    outcome = mabe("run", tiny, "--set", "data.dataset=pairs", "-p", tmp_path / "pairs.py")
    assert outcome.code == 0, outcome.err
    (run,) = (tmp_path / "runs").iterdir()
    return RunDirectory(run)


def test_each_pair_is_scored_and_told_apart(pairs, mabe):
    stretches = read_scores(pairs).stretches["validation"]
    assert [each.individuals for each in stretches] == [["a", "b"], ["b", "a"]]
    out = mabe("evaluate", pairs.id).out
    assert "tiny0 a → b" in out
    assert "tiny0 b → a" in out


def test_a_recording_of_more_individuals_is_seen_by_each_ordered_pair(pairs):
    model = mabe_core.load_model(pairs.path)
    points = np.random.default_rng(0).normal(size=(50, 3, 2, 2)).astype(np.float32)
    keypoints = ("nose", "tail")
    found = model.predict(PoseTracks(points, ("a", "b", "c"), keypoints, fps=30.0))
    assert [view.individuals for view in found.views] == [
        ("a", "b"),
        ("a", "c"),
        ("b", "a"),
        ("b", "c"),
        ("c", "a"),
        ("c", "b"),
    ]
    two = model.predict(PoseTracks(points[:, [2, 1]], ("c", "b"), keypoints, fps=30.0))
    np.testing.assert_array_equal(two.views[0].probabilities, found.views[5].probabilities)
    with pytest.raises(UserError, match="seen in 6 ways"):
        _ = found.probabilities
    assert {bout.agent for bout in found.bouts} == {"a", "b", "c"}


def test_boris_gets_the_agent_as_subject_where_there_are_several(pairs, tmp_path):
    model = mabe_core.load_model(pairs.path)
    points = np.random.default_rng(0).normal(size=(50, 2, 2, 2)).astype(np.float32)
    found = model.predict(PoseTracks(points, ("a", "b"), ("nose", "tail"), fps=30.0))
    text = found.save(tmp_path / "film.csv", form="boris_events").read_text()
    assert ",a,meet," in text or ",a,apart," in text
    assert "No focal subject" not in text


def test_data_without_one_of_the_models_classes_is_scored_and_the_class_is_named(
    mabe, tiny, tmp_path, monkeypatch
):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "files"))
    (tmp_path / "meetings.py").write_text(MEETINGS)
    assert mabe("run", tiny).code == 0
    (run,) = (tmp_path / "runs").iterdir()
    text = tiny.read_text().replace("{name: tiny}", "{name: meetings}")
    (tmp_path / "other.yaml").write_text(text)
    outcome = mabe(
        "evaluate", run.name, "--data", tmp_path / "other.yaml", "-p", tmp_path / "meetings.py", "--json"
    )
    assert outcome.code == 0, outcome.err
    found = json.loads(outcome.out)
    assert found["scores"]["f1_apart"] == 0
    assert found["scores"]["f1_meet"] > 0.5
    told = "No frame here is labelled apart: its F1 is 0, and counts in means over classes."
    assert told in found["notices"]
