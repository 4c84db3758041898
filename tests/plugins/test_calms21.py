"""The dataset calms21: both forms of the same sequences, its three tasks, and files that are damaged."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import numpy as np
import pytest

from mabe_core import DataAccess, DataError, Dataset, UserError
from mabe_core.data.fingerprint import fingerprint
from mabe_plugins.calms21 import CalMS21Config, build, mabe_datasets
from mabe_plugins.splits import mabe_splits
from tests.plugins.pose_writing import resolved

VOCAB = {"attack": 0, "investigation": 1, "mount": 2, "other": 3}
NAME = "task1/train/mouse001_task1_annotator1"


def sequence(frames: int = 20, seed: int = 0, vocab=None, annotator: int = 1) -> dict:
    """Return one sequence as CalMS21's documentation has it."""
    chance = np.random.default_rng(seed)
    vocab = vocab or VOCAB
    keypoints = chance.uniform(0, 1, (frames, 2, 2, 7)) * np.array([1024, 570])[:, None]
    return {
        "keypoints": keypoints.round(3),
        "scores": chance.uniform(0, 1, (frames, 2, 7)).round(3),
        "annotations": chance.integers(0, len(vocab), frames),
        "metadata": {"vocab": vocab, "annotator-id": annotator},
    }


def task1() -> dict[str, dict]:
    """Return the groups of the two files of task 1."""
    return {
        "train": {
            "annotator-id_0": {
                f"task1/train/mouse00{n}_task1_annotator1": sequence(seed=n) for n in (1, 2, 3)
            }
        },
        "test": {"annotator-id_0": {"task1/test/mouse071_task1_annotator1": sequence(12, seed=71)}},
    }


def write(folder: Path, parts, form: str = "json", task: int = 1) -> Path:
    inside = folder / "calms21" / f"task{task}_of_them"
    inside.mkdir(parents=True, exist_ok=True)
    for part, groups in parts.items():
        file = inside / f"calms21_task{task}_{part}.{form}"
        if form == "json":
            file.write_text(json.dumps(groups, default=lambda array: array.tolist()))
        else:
            np.save(file, groups, allow_pickle=True)
    return folder


def load(folder: Path, **settings) -> Dataset:
    return build(CalMS21Config(**settings), DataAccess((folder,)))


@pytest.mark.parametrize("form", ["json", "npy"])
def test_both_forms_hold_the_same_sequences(tmp_path: Path, form: str) -> None:
    parts = task1()
    dataset = load(write(tmp_path, parts, form))
    assert dataset.classes == ("attack", "investigation", "mount", "other")
    assert dataset.exclusive
    wanted = [item for part in parts.values() for group in part.values() for item in group.items()]
    assert [recording.name for recording in dataset.recordings] == [name for name, _ in wanted]
    for recording, (_, raw) in zip(dataset.recordings, wanted, strict=True):
        np.testing.assert_array_equal(recording.points, raw["keypoints"].transpose(0, 1, 3, 2).astype("f4"))
        np.testing.assert_array_equal(recording.confidence, raw["scores"].astype("f4"))
        (view,) = recording.views
        assert view.individuals == (0, 1)
        np.testing.assert_array_equal(view.labels, np.eye(4, dtype=np.int8)[raw["annotations"]])
        assert recording.fps == 30.0
    first, *_, last = dataset.recordings
    assert (first.individuals, first.keypoints[0]) == (("resident", "intruder"), "nose")
    assert first.groups == {"subject": "mouse001", "annotator": "1", "part": "train"}
    assert (first.role, last.role) == ("train", "test")


def test_an_npy_of_old_numpy_and_of_any_protocol_is_read(tmp_path: Path) -> None:
    import pickle

    write(tmp_path, {"train": task1()["train"]}, "npy")
    (file,) = tmp_path.rglob("*.npy")
    head = file.read_bytes()
    head = head[: head.index(b"\n") + 1]
    wanted = load(tmp_path).recordings[0]
    for protocol in range(5):
        array = np.empty((), dtype=object)
        array[()] = task1()["train"]
        data = pickle.dumps(array, protocol)
        file.write_bytes(head + data.replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))
        if protocol < 4:  # a longer name in protocol 4 has its length before it
            np.testing.assert_array_equal(load(tmp_path).recordings[0].points, wanted.points)


def test_an_npy_that_names_anything_else_is_refused_and_not_run(tmp_path: Path) -> None:
    class Bad:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    write(tmp_path, {"train": {"group": {NAME: Bad()}}}, "npy")
    with pytest.raises(DataError, match=r"_train.npy: names pathlib.*Do not trust this file"):
        load(tmp_path)
    assert not (tmp_path / "ran").exists()


def test_json_is_read_where_both_forms_are_there(tmp_path: Path) -> None:
    write(tmp_path, task1())
    write(tmp_path, {"train": {"g": {NAME: sequence(5)}}}, "npy")
    assert len(load(tmp_path).recordings) == 4
    (only,) = load(tmp_path, form="npy").recordings
    assert only.frames == 5


def test_task_2_is_read_by_annotator(tmp_path: Path) -> None:
    groups = {
        f"annotator-id_{n}": {f"task2/train/mouse00{n}_task2_annotator{n}": sequence(seed=n, annotator=n)}
        for n in (1, 2, 3)
    }
    write(tmp_path, {"train": groups}, task=2)
    assert [r.groups["annotator"] for r in load(tmp_path, task=2).recordings] == ["1", "2", "3"]
    dataset = load(tmp_path, task=2, annotators=(3, 1))
    assert [recording.groups["annotator"] for recording in dataset.recordings] == ["1", "3"]
    assert dataset.notes == ("task 2, sequences by annotator: 1 (1), 3 (1)",)
    with pytest.raises(UserError, match="nobody of the number 7 annotated; there: 1, 2, 3"):
        load(tmp_path, task=2, annotators=(7,))


def test_task_3_is_one_behaviour_or_several_each_labelled_where_it_was_looked_for(tmp_path: Path) -> None:
    words = {"approach": {"approach": 0, "other": 1}, "groom": {"other": 0, "groom": 1}}
    groups = {
        name: {f"task3/train/mouse00{n}_task3_{name}": sequence(seed=n, vocab=vocab)}
        for n, (name, vocab) in enumerate(words.items(), start=1)
    }
    write(tmp_path, {"train": groups}, task=3)
    one = load(tmp_path, task=3, behaviours=("groom",))
    raw = groups["groom"]["task3/train/mouse002_task3_groom"]["annotations"]
    assert (one.classes, one.exclusive) == (("groom", "other"), True)
    np.testing.assert_array_equal(one.recordings[0].views[0].labels[:, 0], raw == 1)
    every = load(tmp_path, task=3)
    assert (every.classes, every.exclusive) == (("approach", "groom"), False)
    approach, groom = (recording.views[0].labels for recording in every.recordings)
    assert (approach[:, 1] == -1).all()
    assert (groom[:, 0] == -1).all()
    np.testing.assert_array_equal(groom[:, 1], raw == 1)
    with pytest.raises(UserError, match=r"no sequence is annotated for 'grom'. Did you mean 'groom'"):
        load(tmp_path, task=3, behaviours=("grom",))


def test_a_film_that_two_annotated_is_one_subject_s(tmp_path: Path) -> None:
    groups = {
        f"annotator-id_{n}": {
            f"task2/train/mouse00{n}_task2_annotator{n}": sequence(seed=n // 3, annotator=n)
        }
        for n in (1, 2, 3)
    }
    write(tmp_path, {"train": groups}, task=2)
    subjects = [recording.groups["subject"] for recording in load(tmp_path, task=2).recordings]
    assert subjects == ["mouse001", "mouse001", "mouse003"]


def test_a_vocabulary_may_be_a_list(tmp_path: Path) -> None:
    parts = changed(setting("metadata", {"vocab": list(VOCAB), "annotator-id": 1}))
    assert load(write(tmp_path, parts)).classes == tuple(VOCAB)


def test_the_test_part_is_the_one_that_the_dataset_gives(tmp_path: Path) -> None:
    from mabe_core import SplitContext

    recordings = load(write(tmp_path, task1())).recordings
    split = resolved(mabe_splits(), "recordings", given_test=True, validation=0.3).build()
    partition = split(recordings, SplitContext(8, 1))
    assert [recordings[segment.recording].role for segment in partition.of("test")] == ["test"]
    assert {recordings[segment.recording].role for segment in partition.of("validation")} == {"train"}
    assert len(partition.of("train")) == 2
    with pytest.raises(UserError, match=r"annotator '1' is in recording .*mouse001.* and in .*mouse071"):
        resolved(mabe_splits(), "recordings", given_test=True, group_by="annotator").build()(
            recordings, SplitContext(8, 1)
        )


def test_the_fingerprint_is_of_the_files_that_are_read(tmp_path: Path) -> None:
    write(tmp_path, task1())
    found = fingerprint(resolved(mabe_datasets(), "calms21"), DataAccess((tmp_path,)))
    assert [name.rpartition("/")[2] for name in found] == [
        "calms21_task1_test.json",
        "calms21_task1_train.json",
    ]


def changed(change) -> dict:
    """Return task 1 with its first sequence changed."""
    parts = copy.deepcopy(task1())
    group = parts["train"]["annotator-id_0"]
    group[NAME] = change(group[NAME]) or group[NAME]
    return parts


def setting(key: str, value):
    def change(raw: dict) -> None:
        raw[key] = value(raw) if callable(value) else value

    return change


def at_frame(key: str, value: float):
    def change(raw: dict) -> None:
        raw[key] = raw[key].astype(float)
        raw[key][7] = value

    return change


@pytest.mark.parametrize("form", ["json", "npy"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda raw: {"keypoints": raw["keypoints"]}, "has no scores; there: keypoints"),
        (lambda raw: {k: v for k, v in raw.items() if k != "annotations"}, "has no annotations"),
        (setting("keypoints", lambda raw: raw["keypoints"].transpose(0, 1, 3, 2)), r"keypoints is \(20, 2, 7, 2\)"),
        (setting("keypoints", lambda raw: raw["keypoints"][:, :1]), r"keypoints is \(20, 1, 2, 7\).*2 mice"),
        (setting("keypoints", lambda raw: raw["keypoints"][:, :, ::-1]), "lie outside of the picture.*x and y"),
        (setting("scores", lambda raw: raw["scores"][:-1]), "scores has 19 frames, keypoints 20"),
        (setting("annotations", lambda raw: raw["annotations"][:11]), "annotations has 11 frames, keypoints 20"),
        (setting("annotations", lambda raw: raw["annotations"][:0]), "annotations has 0 frames, keypoints 20"),
        (at_frame("scores", 1.5), "frame 7 has the score 1.5"),
        (at_frame("annotations", 4), "frame 7 is annotated 4, which the vocabulary has not .0 attack"),
        (at_frame("annotations", -1), "frame 7 is annotated -1"),
        (at_frame("keypoints", float("inf")), "frame 7 has a keypoint at inf, far from any picture"),
        (at_frame("keypoints", 1e300), r"frame 7 has a keypoint at 1e\+300"),
        (setting("metadata", {"annotator-id": 1}), "metadata has no vocab"),
        (setting("metadata", {"vocab": {"attack": 0, "other": 2}, "annotator-id": 1}), "number two behaviours"),
        (setting("metadata", {"vocab": VOCAB, "annotator-id": 1, "fps": 25}), "says 25 frames a second"),
        (setting("metadata", {"vocab": VOCAB}), "has no annotator-id"),
    ],
)  # fmt: skip
def test_a_damaged_sequence_is_an_error_that_names_it(tmp_path: Path, form, change, message: str) -> None:
    with pytest.raises(DataError, match=f"calms21_task1_train.{form}: {NAME}: .*{message}"):
        load(write(tmp_path, changed(change), form))


def test_sequences_of_two_vocabularies_are_an_error(tmp_path: Path) -> None:
    other = {"attack": 1, "investigation": 0, "mount": 2, "other": 3}
    parts = changed(setting("metadata", {"vocab": other, "annotator-id": 1}))
    with pytest.raises(DataError, match="numbers would mean two things"):
        load(write(tmp_path, parts))


def test_a_sequence_that_is_there_twice_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, task1())
    (file,) = tmp_path.rglob("*_train.json")
    file.write_text(file.read_text().replace("mouse002", "mouse001"))
    with pytest.raises(DataError, match=f"_train.json: '{NAME}' is there twice in one group"):
        load(tmp_path)
    parts = task1()
    parts["test"]["annotator-id_0"][NAME] = sequence()
    with pytest.raises(DataError, match=r"_test.json: .* is there twice, first in calms21_task1_train.json"):
        load(write(tmp_path, parts))


@pytest.mark.parametrize("form", ["json", "npy"])
def test_a_file_cut_short_anywhere_is_an_error(tmp_path: Path, form: str) -> None:
    write(tmp_path, task1(), form)
    (file,) = tmp_path.rglob(f"*_train.{form}")
    whole = file.read_bytes()
    for share in (0.0, 0.001, 0.01, 0.3, 0.7, 0.999):
        file.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(DataError, match=rf"_train.{form}(:\d+)?: .*ownload"):
            load(tmp_path, form=form)


@pytest.mark.parametrize("content", ["[]", "{}", '{"group": {}}', '{"group": [1]}', '{"g": {"s": 3}}', "3"])
def test_json_of_something_else_is_an_error(tmp_path: Path, content: str) -> None:
    write(tmp_path, task1())
    next(tmp_path.rglob("*_train.json")).write_text(content)
    with pytest.raises(DataError, match=r"_train.json: .*\{sequence|_train.json: .*keypoints"):
        load(tmp_path)


def test_an_npy_of_plain_numbers_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, task1(), "npy")
    np.save(next(tmp_path.rglob("*_train.npy")), np.zeros((3, 2)))
    with pytest.raises(DataError, match=r"holds an array \(3, 2\) of float64, not the dictionary"):
        load(tmp_path)


def test_files_that_are_not_there_are_an_error_that_tells_what_is(tmp_path: Path) -> None:
    write(tmp_path, task1())
    with pytest.raises(UserError, match=r"no calms21_task2_train.json or .*there: calms21_task1_test.json"):
        load(tmp_path, task=2)


@pytest.mark.parametrize(
    "settings", [{"task": 4}, {"behaviours": ("groom",)}, {"task": 2, "annotators": (1, 1)}]
)
def test_a_config_that_makes_no_sense_is_refused(settings) -> None:
    with pytest.raises(ValueError, match=r"task|behaviours|annotators"):
        CalMS21Config(**settings)
