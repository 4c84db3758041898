"""The files that other programs open: a project of BORIS, CalMS21's JSON."""

from __future__ import annotations

import json
from collections import defaultdict

import attrs
import numpy as np
import pytest

import mabe_core
from mabe_core import PoseTracks, UserError
from mabe_core.inference.writers import prediction_file
from tests.inference.conftest import points


@pytest.fixture
def found(here, run_id):
    values = points(200, 3)[0].astype(np.float32)
    values[4, 1, 0] = np.nan
    confidence = np.full((200, 2, 2), 0.75, dtype=np.float32)
    tracks = PoseTracks(values, ("resident", "intruder"), ("nose", "tail"), confidence, fps=30.0)
    return mabe_core.load_model(run_id).predict(tracks, name="film")


def paired(observation) -> dict[tuple[str, str, str], list[tuple[float, float]]]:
    """Return the bouts of an observation: times by subject, code and modifier, taken two by two."""
    times = defaultdict(list)
    for time, subject, code, modifier, _ in observation["events"]:
        times[subject, code, modifier].append(time)
    return {key: list(zip(each[::2], each[1::2], strict=True)) for key, each in times.items()}


def test_a_project_for_boris_has_the_bouts_as_states_of_an_observation_each(found, here):
    other = attrs.evolve(found, recording="film 2")
    with prediction_file(here / "both.boris", found.classes, "boris") as add:
        add(found)
        add(other)
    project = json.loads((here / "both.boris").read_text())
    assert project["project_format_version"] == "7.0"
    assert list(project["observations"]) == ["film", "film 2"]
    (behaviour,) = project["behaviors_conf"].values()
    assert (behaviour["code"], behaviour["type"]) == ("meet", "State event")
    bouts = [(bout.start_second, bout.stop_second) for bout in found.bouts]
    assert bouts
    for observation in project["observations"].values():
        assert observation["type"] == "LIVE"
        times = [event[0] for event in observation["events"]]
        assert times == sorted(times)
        (states,) = paired(observation).values()
        np.testing.assert_allclose(states, bouts, atol=5e-4)


def test_pairs_in_a_project_are_told_apart_by_subject_and_target(found, here):
    (view,) = found.views
    three = tuple(attrs.evolve(view, individuals=pair) for pair in (("a", "b"), ("a", "c (old)"), ("b", "a")))
    file = attrs.evolve(found, views=three).save(here / "pairs.boris", form="boris")
    project = json.loads(file.read_text())
    states = paired(project["observations"]["film"])
    assert set(states) == {("a", "meet", "b"), ("a", "meet", "c _old_"), ("b", "meet", "a")}
    assert len({tuple(each) for each in states.values()}) == 1
    assert [subject["name"] for subject in project["subjects_conf"].values()] == ["a", "b"]
    (behaviour,) = project["behaviors_conf"].values()
    assert behaviour["modifiers"]["0"]["values"] == ["b", "c _old_", "a"]


def test_calms21_has_what_was_tracked_and_a_class_a_frame(found, here):
    file = found.save(here / "film.json", form="calms21")
    ((name, sequence),) = json.loads(file.read_text())["predictions"].items()
    assert name == "film"
    assert np.shape(sequence["keypoints"]) == (200, 2, 2, 2)
    tracked = points(200, 3)[0]
    tracked[4, 1, 0] = np.nan
    np.testing.assert_allclose(np.swapaxes(sequence["keypoints"], 2, 3), tracked, atol=6e-4)
    assert np.unique(sequence["scores"]).tolist() == [0.75]
    assert sequence["metadata"]["vocab"] == {"meet": 0, "apart": 1}
    np.testing.assert_array_equal(np.equal(sequence["annotations"], 0), found.labels[:, 0] == 1)


def test_calms21_scores_are_whether_a_point_was_seen_where_nothing_else_is_known(found, here):
    bare = attrs.evolve(found, tracks=attrs.evolve(found.tracks, confidence=None))
    sequence = json.loads(bare.save(here / "film.json", form="calms21").read_text())["predictions"]["film"]
    scores = np.array(sequence["scores"])
    assert scores[4, 1, 0] == 0
    assert scores.sum() == scores.size - 1


def test_calms21_refuses_what_it_cannot_hold(found, here):
    (view,) = found.views
    two = attrs.evolve(found, views=(view, view))
    with pytest.raises(UserError, match=r"seen in 2 ways.*--format csv"):
        two.save(here / "film.json", form="calms21")
    none = attrs.evolve(found, views=(attrs.evolve(view, labels=np.zeros_like(view.labels)),))
    with pytest.raises(UserError, match="not every frame has one class"):
        none.save(here / "film.json", form="calms21")
    assert not list(here.glob("*film*"))
