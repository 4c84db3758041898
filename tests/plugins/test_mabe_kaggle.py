"""The dataset mabe_kaggle: one experiment on all labs, and tables and files that are damaged."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mabe_core import DataAccess, DataError, Dataset, SplitContext, UserError, import_report
from mabe_core.data.fingerprint import fingerprint
from mabe_plugins.mabe_kaggle import MabeKaggleConfig, build, mabe_datasets
from mabe_plugins.splits import mabe_splits
from tests.plugins.kaggle_writing import (
    FIELDS,
    annotation,
    tracking,
    video,
    write_parquet,
    write_table,
    write_video,
)
from tests.plugins.pose_writing import resolved

BOTH = ("mouse1,mouse2,approach", "mouse2,mouse1,approach", "mouse1,self,rear")
# of lab A: approach from 1 to 2 in frames 30 to 45, rear of 1 from 10 to 20
BOUTS = annotation((1, 2, "approach", 30, 45), (1, 1, "rear", 10, 20), (2, 1, "attack", 0, 5))
B_BOUTS = annotation((1, 2, "chase", 40, 80))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return a folder with three videos of two labs, of which one has no list of actions."""
    rows = [
        video("A", "1", BOTH),
        video("B", "2", ("mouse1,mouse2,chase",), fps=60.0, pix_per_cm_approx=8.0),
        video("C", "3", None),
    ]
    folder = tmp_path / "mabe_kaggle"
    write_table(folder, rows)
    write_video(folder, rows[0], tracking(), BOUTS)
    write_video(folder, rows[1], tracking(120, parts=("nose", "lateral_left", "lateral_right")), B_BOUTS)
    return tmp_path


def load(data: Path, **settings) -> Dataset:
    return build(MabeKaggleConfig(**settings), DataAccess((data,)))


def shown(dataset: Dataset, recording: int = 0) -> dict[tuple[int, ...], dict[str, list[int]]]:
    """Return of each view, for each class that is labelled in it, the first frame and one past the last."""
    found: dict[tuple[int, ...], dict[str, list[int]]] = {}
    for view in dataset.recordings[recording].views:
        columns = found.setdefault(view.individuals, {})
        for name, column in zip(dataset.classes, view.labels.T, strict=True):
            if (column >= 0).all():
                frames = np.flatnonzero(column == 1)
                columns[name] = [int(frames[0]), int(frames[-1]) + 1] if len(frames) else []
            else:
                assert (column == -1).all()
    return found


def test_each_listed_pair_is_a_view_and_an_action_that_is_not_listed_is_unlabelled(data: Path) -> None:
    dataset = load(data)
    assert dataset.classes == ("approach", "chase", "rear")
    assert not dataset.exclusive
    assert [recording.name for recording in dataset.recordings] == ["A/1", "B/2"]
    assert shown(dataset) == {
        (0, 0): {"rear": [10, 20]},
        (0, 1): {"approach": [30, 45]},
        (1, 0): {"approach": []},
    }
    assert shown(dataset, 1) == {(0, 1): {"chase": [20, 40]}}
    assert dataset.recordings[0].views[0].labels.dtype == np.int8


def test_points_are_centimetres_of_the_common_body_parts_at_one_rate(data: Path) -> None:
    a, b = load(data).recordings
    assert (a.fps, b.fps) == (30.0, 30.0)
    assert (a.keypoints, a.individuals) == (b.keypoints, ("mouse1", "mouse2"))
    assert a.pixels_per_cm == 1.0
    frames = np.arange(60)
    np.testing.assert_allclose(a.points[:, 1, 3, 0], (frames + 230) / 16)
    assert len(b.points) == 60
    # between frames 2j and 2j + 1 of the film; the body's centre is the middle of its sides
    np.testing.assert_allclose(b.points[:, 0, 0, 0], (2 * frames + 0.5 + 100) / 8, rtol=1e-6)
    np.testing.assert_allclose(b.points[:, 0, 3, 1], 2 * (2 * frames + 0.5 + 115) / 8, rtol=1e-6)
    assert np.isnan(b.points[:, :, 1]).all()


def test_the_report_tells_what_was_done(data: Path) -> None:
    notes = load(data).notes
    assert notes == (
        "videos without a list of actions, left out: 1 (C/3)",
        "videos brought to 30 frames/s: 1 from 30, 1 from 60",
        "body parts that others stand for: body_center (1)",
        "body parts that are not tracked: ear_left (1), ear_right (1), tail_base (1)",
        "bouts of actions that their video does not list, left out: attack (1)",
    )
    report = import_report(load(data))
    assert report.looked_for == {"approach": 120, "chase": 60, "rear": 60}
    assert report.class_frames == {"approach": 15, "chase": 20, "rear": 10}


@pytest.mark.parametrize(
    ("source", "target"), [(10.0, 30.0), (25.0, 30.0), (120.0, 30.0), (29.97, 30.0), (30.0, 7.0)]
)
def test_labels_stay_where_the_points_are_at_any_rate(tmp_path: Path, source: float, target: float) -> None:
    frames = round(20 * source)
    row = video("A", "1", ("mouse1,self,rear",), fps=source, video_duration_sec=20.0, pix_per_cm_approx=1.0)
    start, stop = round(5 * source), round(12 * source)
    folder = tmp_path / "mabe_kaggle"
    write_table(folder, [row])
    write_video(
        folder, row, tracking(frames, mice=(1,), parts=("nose",)), annotation((1, 1, "rear", start, stop))
    )
    (recording,) = load(tmp_path, fps=target, body_parts=("nose",)).recordings
    assert abs(recording.frames - 20 * target) <= 1
    frame_of_point = recording.points[:, 0, 0, 0] - 100
    inside = (frame_of_point + 0.5 >= start) & (frame_of_point + 0.5 < stop)
    labels = recording.views[0].labels[:, 0]
    assert abs(int((labels == 1).sum()) - 7 * target) <= 1
    assert int((inside != (labels == 1)).sum()) <= (2 if source < target else 0)


def test_the_snail_labs_annotations_at_30_frames_of_a_pose_at_25_are_mended(tmp_path: Path) -> None:
    row = video("AdaptableSnail", "1", ("mouse1,mouse2,approach",), fps=25.0)
    folder = tmp_path / "mabe_kaggle"
    write_table(folder, [row])
    write_video(folder, row, tracking(250), annotation((1, 2, "approach", 150, 300)))
    dataset = load(tmp_path)
    assert shown(dataset) == {(0, 1): {"approach": [150, 300]}}  # seconds 5 to 10, at 30 frames/s
    assert "annotations at 30 frames/s of a pose at 25, mended: 1 videos (AdaptableSnail/1)" in dataset.notes
    with pytest.raises(
        DataError, match=r"row 1: a bout stops at frame 300, past the tracking's end .250 frames"
    ):
        load(tmp_path, known_faults="keep")


def test_what_is_past_the_end_is_an_error_or_cut_and_told(data: Path) -> None:
    file = data / "mabe_kaggle/train_annotation/A/1.parquet"
    write_parquet(file, annotation((1, 2, "approach", 30, 75), (1, 1, "rear", 62, 65), (1, 1, "rear", 1, 3)))
    with pytest.raises(
        DataError, match=r"A/1.parquet: row 1: a bout stops at frame 75, past .*past_end: trim"
    ):
        load(data)
    dataset = load(data, past_end="trim")
    assert shown(dataset)[0, 1] == {"approach": [30, 60]}
    assert "annotations past the tracking's end, trimmed: 1 videos (A/1)" in dataset.notes


def test_labs_and_actions_can_be_chosen(data: Path) -> None:
    dataset = load(data, labs=("A",), actions=("rear",))
    assert [recording.name for recording in dataset.recordings] == ["A/1"]
    assert shown(dataset) == {(0, 0): {"rear": [10, 20]}}
    with pytest.raises(DataError, match=r"train.csv: has no lab 'D'. Valid: A, B, C"):
        load(data, labs=("D",))
    with pytest.raises(DataError, match=r"no video lists the action 'chas'. Did you mean 'chase'"):
        load(data, actions=("chas",))


def test_splits_keep_labs_and_mice_together(tmp_path: Path) -> None:
    mice = [("A", "1", "2"), ("A", "2", "3"), ("A", "7", "8"), ("B", "1", "9"), ("B", "", "")]
    rows = [
        video(lab, str(n), ("mouse1,mouse2,approach",), mouse1_id=one, mouse2_id=two)
        for n, (lab, one, two) in enumerate(mice)
    ]
    folder = tmp_path / "mabe_kaggle"
    write_table(folder, rows)
    for row in rows:
        write_video(folder, row, tracking(20), annotation((1, 2, "approach", 3, 9)))
    recordings = load(tmp_path).recordings
    assert [r.groups["subject"] for r in recordings] == ["A/1", "A/1", "A/7", "B/1", "B/video 4"]
    for key in ("lab", "subject"):
        split = resolved(mabe_splits(), "recordings", group_by=key, validation=0.5).build()
        partition = split(recordings, SplitContext(4, 1))
        parts = [
            {recordings[s.recording].groups[key] for s in partition.of(r)} for r in ("train", "validation")
        ]
        assert parts[0]
        assert parts[1]
        assert not parts[0] & parts[1]


def test_the_test_part_has_no_labels_and_the_listed_pairs_as_views(data: Path) -> None:
    row = video("A", "9", BOTH)
    write_table(data / "mabe_kaggle", [row], "test")
    write_video(data / "mabe_kaggle", row, tracking(), None, "test")
    dataset = load(data, part="test")
    assert shown(dataset) == {(0, 0): {}, (0, 1): {}, (1, 0): {}}


def test_the_fingerprint_is_of_every_file_that_is_read(data: Path) -> None:
    component = resolved(mabe_datasets(), "mabe_kaggle")
    found = fingerprint(component, DataAccess((data,)))
    assert sorted(found) == [
        "mabe_kaggle/train.csv",
        *(
            f"mabe_kaggle/train_{kind}/{video}.parquet"
            for kind in ("annotation", "tracking")
            for video in ("A/1", "B/2")
        ),
    ]
    write_parquet(data / "mabe_kaggle/train_annotation/A/1.parquet", annotation((1, 2, "approach", 30, 44)))
    assert found != fingerprint(component, DataAccess((data,)))


def edited(place: str, value: Any) -> Callable[[dict[str, list[Any]]], None]:
    def edit(columns: dict[str, list[Any]]) -> None:
        columns[place][3] = value

    return edit


def repeated(columns: dict[str, list[Any]]) -> None:
    for values in columns.values():
        values.append(values[3])


def swapped(columns: dict[str, list[Any]]) -> None:
    columns["video_frame"], columns["x"] = [x + 0.25 for x in columns["x"]], columns["video_frame"]


TRACKS = {
    "a column missing": (lambda c: c.pop("x"), "columns are missing: x; there: video_frame, mouse_id"),
    "a frame twice": (repeated, r"row 601: frame \d+ of mouse \d, \w+, is there twice"),
    "an unknown mouse": (edited("mouse_id", 7), "row 4: mouse_id is 7; the table knows mice 1 to 4"),
    "a frame before the film": (edited("video_frame", -1), "row 4: video_frame is -1"),
    "a frame far off": (edited("video_frame", 10**9), "row 4: video_frame is 1000000000, of 600 rows"),
    "no frame": (edited("video_frame", None), "row 4: video_frame is empty"),
    "no body part": (edited("bodypart", None), "row 4: bodypart is empty"),
    "endless": (edited("x", float("inf")), "row 4: x is inf"),
    "columns swapped": (swapped, "row 1: video_frame should be a whole number"),
    "words for numbers": (lambda c: c.update(x=["a"] * len(c["x"])), "x holds string, not numbers"),
    "numbers for words": (lambda c: c.update(bodypart=[1] * len(c["x"])), "bodypart holds int64, not words"),
    "no row": (lambda c: [values.clear() for values in c.values()], "there is no row"),
    "nothing seen": (lambda c: c.update(x=[None] * len(c["x"])), "x holds null, not numbers|is ever seen"),
    "other parts": (
        lambda c: c.update(bodypart=["paw"] * len(c["x"])),
        "is there twice|none of the body parts",
    ),
}


@pytest.mark.parametrize("damage", TRACKS)
def test_damaged_tracking_is_an_error_that_names_the_row(data: Path, damage: str) -> None:
    edit, message = TRACKS[damage]
    columns = tracking()
    edit(columns)
    import pyarrow

    types = {"bodypart": None} if damage == "numbers for words" else {}
    if damage == "words for numbers":
        types = {"x": pyarrow.string()}
    write_parquet(data / "mabe_kaggle/train_tracking/A/1.parquet", columns, types)
    with pytest.raises(DataError, match=f"train_tracking/A/1.parquet: .*({message})"):
        load(data)


ANNOTATIONS = {
    "an unknown agent": (
        (3, 2, "approach", 1, 5),
        "row 2: agent_id is 3, and the tracking knows the mice 1, 2",
    ),
    "an unknown target": ((1, 9, "approach", 1, 5), "row 2: target_id is 9"),
    "out of range": ((1, 2, "approach", 1, 61), "row 2: a bout stops at frame 61, past the tracking's end"),
    "before the film": ((1, 2, "approach", -4, 5), "row 2: a bout runs from frame -4 to 5"),
    "start and stop swapped": ((1, 2, "approach", 9, 5), "row 2: a bout runs from frame 9 to 5.*swapped"),
    "no action": ((1, 2, None, 1, 5), "row 2: action is empty"),
    "no stop": ((1, 2, "approach", 1, None), "row 2: stop_frame is empty"),
    "part of a frame": ((1, 2, "approach", 1, 5.5), "row 2: stop_frame should be a whole number, not 5.5"),
}


@pytest.mark.parametrize("damage", ANNOTATIONS)
def test_a_damaged_annotation_is_an_error_that_names_the_row(data: Path, damage: str) -> None:
    bout, message = ANNOTATIONS[damage]
    write_parquet(
        data / "mabe_kaggle/train_annotation/A/1.parquet", annotation((1, 2, "approach", 1, 5), bout)
    )
    with pytest.raises(DataError, match=f"train_annotation/A/1.parquet: {message}"):
        load(data)


def test_an_annotation_without_bouts_is_told_and_a_missing_one_an_error(data: Path) -> None:
    rows = [video("A", "1", BOTH), video("A", "4", BOTH)]
    write_table(data / "mabe_kaggle", rows)
    write_video(data / "mabe_kaggle", rows[1], tracking(), annotation())
    dataset = load(data)
    assert shown(dataset, 1) == {(0, 0): {"rear": []}, (0, 1): {"approach": []}, (1, 0): {"approach": []}}
    assert "annotations without a bout: 1 videos (A/4)" in dataset.notes
    write_table(data / "mabe_kaggle", rows[1:])
    with pytest.raises(DataError, match=r"no frame of any video shows approach, rear: "):
        load(data)
    (data / "mabe_kaggle/train_annotation/A/4.parquet").unlink()
    with pytest.raises(DataError, match=r"train_annotation/A/4.parquet: there is no such file"):
        load(data)


@pytest.mark.parametrize("kind", ["tracking", "annotation"])
def test_a_file_cut_short_is_an_error(data: Path, kind: str) -> None:
    file = data / f"mabe_kaggle/train_{kind}/A/1.parquet"
    whole = file.read_bytes()
    for share in (0.0, 0.01, 0.5, 0.99):
        file.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(DataError, match=rf"train_{kind}/A/1.parquet: .*damaged.*Download"):
            load(data)
    damaged = bytearray(whole)
    damaged[4:40] = b"\xff" * 36
    file.write_bytes(damaged)
    with pytest.raises(DataError, match=rf"train_{kind}/A/1.parquet: .*damaged.*Download"):
        load(data)


TABLES: dict[str, tuple[dict[str, Any], str]] = {
    "no rate": ({"frames_per_second": ""}, ":2: frames_per_second should be a number above 0, not ''"),
    "a rate of 0": ({"frames_per_second": 0}, ":2: frames_per_second should be"),
    "no scale": ({"pix_per_cm_approx": "nan"}, ":2: pix_per_cm_approx should be"),
    "a list cut short": (
        {"behaviors_labeled": '["mouse1,mouse2,app'},
        ":2: behaviors_labeled is no JSON list",
    ),
    "an empty list": ({"behaviors_labeled": "[]"}, ":2: behaviors_labeled should be a list"),
    "no action in it": (
        {"behaviors_labeled": '["mouse1,mouse2"]'},
        ":2: behaviors_labeled has 'mouse1,mouse2'",
    ),
    "an unknown mouse": ({"behaviors_labeled": '["mouse9,self,rear"]'}, ":2: behaviors_labeled has 'mouse9"),
    "a folder outside": ({"lab_id": "../x"}, ":2: lab_id should be the name of a folder"),
    "another rate": ({"video_duration_sec": 1.0}, "has 60 frames, more than the 1 s at 30 .* line 2"),
}


@pytest.mark.parametrize("damage", TABLES)
def test_a_damaged_table_is_an_error_that_names_the_line(data: Path, damage: str) -> None:
    change, message = TABLES[damage]
    write_table(data / "mabe_kaggle", [video("A", "1", BOTH) | change])
    with pytest.raises(DataError, match=message):
        load(data)


def test_a_table_of_something_else_is_an_error(data: Path) -> None:
    file = data / "mabe_kaggle/train.csv"
    whole = file.read_text()
    for text, message in (
        ("", "the file is empty"),
        ("a,b\n1,2\n", r":1: columns are missing: lab_id, video_id"),
        (whole.partition("\n")[0] + "\n", r":1: there are no videos"),
        (whole[:-20], r":4: 7 cells, not 10|cells, not 10"),
        (whole + whole.splitlines()[1] + "\n", r":5: video A/1 is there twice, first in line 2"),
    ):
        file.write_text(text)
        with pytest.raises(DataError, match=f"train.csv.*{message}"):
            load(data)
    write_table(data / "mabe_kaggle", [video("A", "1", None)], fields=FIELDS)
    with pytest.raises(DataError, match="no video has a list of actions"):
        load(data)


def test_without_pyarrow_what_to_install_is_said(data: Path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UserError, match=r"pip install 'mabe-core\[parquet\]'"):
        load(data)
