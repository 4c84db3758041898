"""What is written in the formats of trackers and annotation tools is read back as it was."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as drawn
from numpy.typing import NDArray

from mabe_core import Annotation, Bout, LabelRules, PoseTracks, label_track
from mabe_core.inference.prediction import stretches
from mabe_plugins.label_readers import (
    BorisConfig,
    BoutsConfig,
    CaltechConfig,
    build_boris,
    build_bouts,
    build_caltech,
)
from mabe_plugins.pose_readers import DeepLabCutConfig, SleapConfig, build_deeplabcut, build_sleap
from tests.plugins.pose_writing import pose_frame, write_boris, write_caltech, write_csv, write_h5
from tests.plugins.test_pose_sleap import write as write_sleap

# hypothesis and pytest's tmp_path: each example writes over the file of the one before
ON_FILES = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
CLASSES = ("attack", "mount")

words = st.text(
    st.characters(categories=["Ll", "Lu", "Nd"], include_characters="_ -é老"), min_size=1, max_size=8
)
names = words.map(str.strip).filter(lambda word: word and word not in ("x", "y", "likelihood"))
numbers = st.floats(-1e4, 1e4, width=32) | st.just(float("nan"))


@st.composite
def tables(draw: st.DrawFn) -> Any:
    """Draw tracks as DeepLabCut keeps them."""
    individuals = draw(st.lists(names, max_size=3, unique=True))
    keypoints = draw(st.lists(names, min_size=1, max_size=3, unique=True))
    frame = pose_frame(draw(st.integers(1, 12)), individuals, keypoints, draw(st.integers(0, 99)))
    spatial = np.flatnonzero(frame.columns.get_level_values("coords") != "likelihood")
    points = draw(drawn.arrays(np.float64, (len(frame), len(spatial)), elements=numbers))
    points[0, :2] = 1.0, 2.0  # a file without any point is refused
    frame.iloc[:, spatial] = points
    return frame


def expected(frame: Any) -> NDArray[np.float64]:
    """Return (frames, individuals, keypoints, x y likelihood); a point without both x and y is missing."""
    values = np.array(frame, dtype=np.float64)
    many = "individuals" in frame.columns.names
    individuals = len(frame.columns.unique("individuals")) if many else 1
    return values.reshape(len(values), individuals, -1, 3)


def check(tracks: PoseTracks, frame: Any) -> None:
    wanted = expected(frame)
    points = np.where(np.isnan(wanted[..., :2]).any(axis=-1, keepdims=True), np.nan, wanted[..., :2])
    np.testing.assert_array_equal(tracks.points, points.astype(np.float32))
    assert list(tracks.keypoints) == list(frame.columns.unique("bodyparts"))
    if "individuals" in frame.columns.names:
        assert list(tracks.individuals) == list(frame.columns.unique("individuals"))


@ON_FILES
@given(frame=tables())
def test_deeplabcut_csv(frame: Any, tmp_path: Path) -> None:
    check(build_deeplabcut(DeepLabCutConfig())(write_csv(frame, tmp_path / "x.csv")), frame)


@pytest.mark.parametrize("form", ["table", "fixed"])
@ON_FILES
@given(frame=tables())
def test_deeplabcut_h5(frame: Any, form: str, tmp_path: Path) -> None:
    check(build_deeplabcut(DeepLabCutConfig())(write_h5(frame, tmp_path / "x.h5", form)), frame)


@ON_FILES
@given(data=st.data())
def test_sleap(data: st.DataObject, tmp_path: Path) -> None:
    tracks = data.draw(st.lists(names, min_size=1, max_size=3, unique=True))
    nodes = data.draw(st.lists(names, min_size=1, max_size=3, unique=True))
    frames = data.draw(st.integers(1, 9))
    shape = (len(tracks), 2, len(nodes), frames)
    points = data.draw(drawn.arrays(np.float64, shape, elements=numbers))
    points[0, :, 0, 0] = 1.0, 2.0  # as above
    scores = np.ones((len(tracks), len(nodes), frames))
    found = {
        "tracks": points,
        "point_scores": scores,
        "track_occupancy": np.ones((frames, len(tracks)), np.uint8),
        "track_names": np.array([name.encode() for name in tracks]),
        "node_names": np.array([name.encode() for name in nodes]),
        "instance_scores": scores.mean(axis=1),
    }
    dims = {"tracks": ["track", "xy", "node", "frame"]}
    read = build_sleap(SleapConfig())(write_sleap(tmp_path / "x.h5", found, dims))
    whole = points.transpose(3, 0, 2, 1)
    missing = np.isnan(whole).any(axis=-1, keepdims=True)
    np.testing.assert_array_equal(read.points, np.where(missing, np.nan, whole).astype(np.float32))
    assert (list(read.individuals), list(read.keypoints)) == (tracks, nodes)


@st.composite
def label_tracks(draw: st.DrawFn) -> NDArray[np.int8]:
    """Draw the class of each frame, in runs; 0 is the background."""
    runs = draw(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 9)), min_size=1, max_size=12))
    return np.array([label for label, length in runs for _ in range(length)])


def bouts_of(track: NDArray[np.int8]) -> list[tuple[str, int, int]]:
    found = [
        (name, start, stop)
        for number, name in enumerate(CLASSES, start=1)
        for start, stop in stretches((track == number).astype(np.int8))
    ]
    return sorted(found, key=lambda bout: bout[1])


def painted(annotation: Annotation, track: NDArray[np.int8], fps: float = 10.0) -> NDArray[np.int64]:
    """Return the class of each frame of the label track that an annotation leads to."""
    rules = LabelRules(classes=(*CLASSES, "other"), background="other", past_end="trim")
    labels = label_track(annotation, len(track), fps, rules, "x").labels
    assert (labels.sum(axis=1) == 1).all()
    return np.array([1, 2, 0])[labels.argmax(axis=1)]


@given(track=label_tracks(), fps=st.sampled_from([1.0, 10.0, 25.0, 29.97, 59.94]))
def test_a_label_track_survives_as_bouts_in_frames_and_in_seconds(
    track: NDArray[np.int8], fps: float
) -> None:
    frames = [Bout(name, start, stop) for name, start, stop in bouts_of(track)]
    seconds = [Bout(name, start / fps, stop / fps) for name, start, stop in bouts_of(track)]
    np.testing.assert_array_equal(painted(Annotation(tuple(frames), "frames"), track, fps), track)
    np.testing.assert_array_equal(painted(Annotation(tuple(seconds), "seconds"), track, fps), track)


@ON_FILES
@given(track=label_tracks())
def test_a_label_track_survives_in_a_plain_csv(track: NDArray[np.int8], tmp_path: Path) -> None:
    bouts = bouts_of(track)
    if not bouts:
        return
    lines = ["behaviour,start,stop", *(f"{name},{start},{stop}" for name, start, stop in bouts)]
    (tmp_path / "x.csv").write_text("\n".join(lines) + "\n")
    read = build_bouts(BoutsConfig(unit="frames"))(tmp_path / "x.csv")
    np.testing.assert_array_equal(painted(read, track), track)


@ON_FILES
@given(track=label_tracks())
def test_a_label_track_survives_in_caltechs_form(track: NDArray[np.int8], tmp_path: Path) -> None:
    known = {0: "other", 1: CLASSES[0], 2: CLASSES[1]}
    edges = [0, *np.flatnonzero(np.diff(track)) + 1, len(track)]
    bouts = [(start + 1, stop, known[int(track[start])]) for start, stop in itertools.pairwise(edges)]
    file = write_caltech(tmp_path / "x.txt", bouts, behaviours=(*CLASSES, "other"))
    np.testing.assert_array_equal(painted(build_caltech(CaltechConfig())(file), track), track)


@ON_FILES
@given(track=label_tracks())
def test_a_label_track_survives_in_boris_form(track: NDArray[np.int8], tmp_path: Path) -> None:
    fps = 10.0
    events = [
        (time / fps, "resident", name, status)
        for name, start, stop in bouts_of(track)
        for time, status in ((start, "START"), (stop, "STOP"))
    ]
    if not events:
        return
    file = write_boris(tmp_path / "x.csv", sorted(events, key=lambda event: event[0]), len(track) / fps, fps)
    np.testing.assert_array_equal(painted(build_boris(BorisConfig())(file), track), track)
