"""The import report: counts of what a dataset holds."""

from __future__ import annotations

import json

import numpy as np

from mabe_core import Dataset, Partition, Recording, Segment, View, import_report


def recording(name: str, labels: list[list[int]], fps: float = 10.0, missing: int = 0) -> Recording:
    points = np.zeros((len(labels), 2, 3, 2), np.float32)
    points.reshape(-1, 2)[:missing] = np.nan
    track = np.array(labels, np.int8)
    return Recording(name, points, fps, ("a", "b"), ("nose", "neck", "tail"), (View((0, 1), track),))


DATASET = Dataset(
    (
        recording("one", [[1, 0]] * 6 + [[0, 1]] * 2 + [[-1, -1]] * 2, missing=6),
        recording("two", [[0, 1]] * 10, fps=25.0),
    ),
    classes=("attack", "other"),
    notes=("a file was left over",),
)


def test_frames_are_counted() -> None:
    report = import_report(DATASET)
    assert (report.recordings, report.frames, report.views, report.view_frames) == (2, 20, 2, 20)
    assert report.class_frames == {"attack": 6, "other": 12}
    assert report.unlabelled == 2
    assert report.missing == 6 / 120
    assert report.seconds == 1.4
    assert report.fps == {10.0: 1, 25.0: 1}
    assert report.keypoints == {("nose", "neck", "tail"): 2}


def test_a_frame_on_which_no_class_is_seen_is_labelled_where_classes_do_not_exclude_each_other() -> None:
    track = [[0, 0], [1, 1], [-1, 0], [-1, -1]]
    assert import_report(Dataset((recording("one", track),), ("a", "b"), exclusive=False)).unlabelled == 1


def test_every_part_of_a_split_is_counted() -> None:
    split = Partition(
        (Segment(0, 0, 5, "train"), Segment(0, 8, 10, "validation"), Segment(1, 0, 10, "train")), "told"
    )
    report = import_report(DATASET, split)
    assert list(report.parts) == ["train", "validation"]
    assert report.parts["train"].class_frames == {"attack": 5, "other": 10}
    assert (report.parts["train"].recordings, report.parts["train"].frames) == (2, 15)
    assert report.parts["validation"].unlabelled == 2
    assert report.notice == "told"


def test_the_lines_tell_all_of_it() -> None:
    text = "\n".join(import_report(DATASET, Partition((Segment(1, 0, 10, "train"),), "told")).lines())
    for words in (
        "2, 20 frames, 0 min 01 s",
        "10 (1 recordings); 25 (1 recordings)",
        "a, b",
        "nose, neck, tail",
        "5.0% of points",
        "attack  6 frames (30.0%)",
        "2 frames (10.0%)",
        "1 recording, 10 frames: attack 0, other 10, unlabelled 0",
        "told",
        "a file was left over",
    ):
        assert words in text


def test_it_goes_through_json() -> None:
    plain = import_report(DATASET, Partition((Segment(1, 0, 10, "train"),))).as_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert plain["fps"] == [{"value": 10.0, "recordings": 1}, {"value": 25.0, "recordings": 1}]
    assert plain["parts"]["train"]["class_frames"] == {"attack": 0, "other": 10}
