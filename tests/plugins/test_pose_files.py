"""The dataset pose_files: pairing, agreement between files, labels, and what it tells."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mabe_core import DataAccess, DataError, Dataset, UserError
from mabe_plugins.label_readers import mabe_label_readers
from mabe_plugins.pose_files import Pair, PoseFilesConfig, build, sources
from mabe_plugins.pose_readers import mabe_pose_readers
from tests.plugins.pose_writing import pose_frame, resolved, write_boris, write_caltech, write_csv

BOUTS = [(1, 10, "other"), (11, 20, "attack"), (21, 40, "other")]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return a folder with two sessions, 40 frames each."""
    for session in ("2", "10"):
        write_csv(pose_frame(seed=int(session)), tmp_path / f"mice/pose/{session}DLC_net.csv")
        write_caltech(tmp_path / f"mice/annotations/{session}_annot.txt", BOUTS)
    return tmp_path


def config(pose=None, labels="caltech", **settings) -> PoseFilesConfig:
    asked = {
        "folder": "mice",
        "fps": 10.0,
        "classes": ("attack", "other"),
        "pose": resolved(mabe_pose_readers(), "deeplabcut", **(pose or {})),
        "labels": resolved(mabe_label_readers(), labels),
    }
    if "pairs" not in settings:
        asked |= {
            "pose_pattern": "pose/{session}DLC_*.csv",
            "labels_pattern": "annotations/{session}_annot.txt",
        }
    return PoseFilesConfig(**(asked | settings))


def load(data: Path, **settings) -> Dataset:
    return build(config(**settings), DataAccess((data,)))


def load_boris(data: Path, events, fps: float = 10.0, length: float = 4.0, **settings) -> Dataset:
    """Load one session annotated in BORIS."""
    write_boris(data / "mice/events.csv", events, length=length, fps=fps)
    pair = Pair(pose="pose/2DLC_net.csv", labels="events.csv")
    return load(data, labels="boris", pairs=(pair,), background="other", **settings)


class TestPairing:
    def test_patterns_pair_files_and_name_recordings(self, data: Path) -> None:
        dataset = load(data)
        assert [recording.name for recording in dataset.recordings] == ["2", "10"]
        assert [recording.groups for recording in dataset.recordings] == [{"session": "2"}, {"session": "10"}]
        assert dataset.notes == ()

    def test_a_pattern_may_hold_several_words_and_folders(self, data: Path) -> None:
        write_csv(pose_frame(), data / "more/labA/m1/tracks.csv")
        write_caltech(data / "more/labA/m1.txt", BOUTS)
        (recording,) = load(
            data,
            folder="more",
            pose_pattern="{lab}/{subject}/tracks.csv",
            labels_pattern="{lab}/{subject}.txt",
        ).recordings
        assert recording.name == "labA-m1"
        assert recording.groups == {"lab": "labA", "subject": "m1"}

    def test_an_explicit_list_pairs_what_names_do_not(self, data: Path) -> None:
        pairs = (
            Pair(
                pose="pose/10DLC_net.csv",
                labels="annotations/2_annot.txt",
                recording="b",
                groups={"lab": "x"},
            ),
            Pair(pose="pose/2DLC_net.csv", labels="annotations/10_annot.txt"),
        )
        dataset = load(data, pairs=pairs)
        assert [recording.name for recording in dataset.recordings] == ["b", "2DLC_net"]
        assert dataset.recordings[0].groups == {"lab": "x"}

    def test_sources_names_every_file_without_reading_it(self, data: Path) -> None:
        for file in (data / "mice").rglob("*.*"):
            file.write_bytes(b"rubbish")
        named = sources(config(), DataAccess((data,)))
        assert [file.relative_to(data / "mice").as_posix() for file in named] == [
            *("pose/2DLC_net.csv", "annotations/2_annot.txt"),
            *("pose/10DLC_net.csv", "annotations/10_annot.txt"),
        ]

    def test_files_that_pair_with_nothing_are_told(self, data: Path) -> None:
        write_csv(pose_frame(), data / "mice/pose/3DLC_net.csv")
        write_caltech(data / "mice/annotations/4_annot.txt", BOUTS)
        (data / "mice/annotations/5_anot.txt").write_text("misspelled")
        (data / "mice/film.avi").write_text("of no interest")
        (data / "mice/.hidden.csv").write_text("of no interest")
        assert load(data).notes == (
            "pose files without an annotation: 1 (pose/3DLC_net.csv)",
            "annotation files without a pose: 1 (annotations/4_annot.txt)",
            "files in mice that are not used: 1 (annotations/5_anot.txt)",
        )

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            (
                {"pose_pattern": "pose/{session}.h5"},
                "the patterns pair nothing .* 0 files match pose_pattern",
            ),
            ({"labels_pattern": "annotations/{sesion}_annot.txt"}, "need the same {words}"),
            ({"pose_pattern": "pose/*.csv", "labels_pattern": "annotations/*.txt"}, "need the same {words}"),
            (
                {"pose_pattern": "pose/{session}D*", "labels_pattern": "*/{session}*"},
                "both match .* with session=",
            ),
            (
                {"pairs": (Pair(pose="pose/3DLC_net.csv", labels="annotations/2_annot.txt"),)},
                "no file 'pose/3DLC_net.csv' in .*Did you mean 'pose/2DLC_net.csv'",
            ),
            (
                {"pairs": (Pair(pose="../other.csv", labels="annotations/2_annot.txt"),)},
                r"no file '\.\./other.csv' in ",
            ),
            (
                {"pairs": (Pair(pose="pose/2DLC_net.csv", labels="annotations/2_annot.txt"),) * 2},
                "2 recordings are named '2DLC_net'; give each pair a name",
            ),
            ({"folder": "mise"}, r"no data named 'mise' under .*found there: mice"),
            ({"folder": "mice/pose/2DLC_net.csv"}, "is not a folder"),
        ],
    )
    def test_what_cannot_be_paired_is_an_error(self, data: Path, settings, message: str) -> None:
        with pytest.raises(UserError, match=message):
            load(data, **settings)


class TestAgreement:
    def test_points_labels_and_names_arrive(self, data: Path) -> None:
        recording = load(data).recordings[0]
        expected = pose_frame(seed=2).to_numpy().reshape(40, 2, 3, 3).astype(np.float32)
        np.testing.assert_array_equal(recording.points, expected[..., :2])
        np.testing.assert_array_equal(recording.confidence, expected[..., 2])
        (view,) = recording.views
        assert view.individuals == (0, 1)
        assert view.labels[:, 0].tolist() == [0] * 10 + [1] * 10 + [0] * 20
        assert (recording.fps, recording.individuals) == (10.0, ("resident", "intruder"))

    def test_individuals_are_chosen_and_ordered(self, data: Path) -> None:
        everything, chosen = load(data), load(data, individuals=("intruder",))
        assert chosen.recordings[0].individuals == ("intruder",)
        np.testing.assert_array_equal(chosen.recordings[0].points, everything.recordings[0].points[:, 1:])
        turned = load(data, individuals=("intruder", "resident")).recordings[0]
        np.testing.assert_array_equal(turned.points, everything.recordings[0].points[:, ::-1])
        np.testing.assert_array_equal(turned.confidence, everything.recordings[0].confidence[:, ::-1])

    def test_all_recordings_get_the_first_ones_order(self, data: Path) -> None:
        frame = pose_frame(individuals=("intruder", "resident"), keypoints=("tail", "neck", "nose"))
        write_csv(frame, data / "mice/pose/10DLC_net.csv")
        first, second = load(data).recordings
        assert (second.individuals, second.keypoints) == (first.individuals, first.keypoints)
        np.testing.assert_array_equal(
            second.points[:, 1, 0, 0], frame["network", "intruder", "nose", "x"].to_numpy(np.float32)
        )

    def test_an_unknown_individual_is_an_error(self, data: Path) -> None:
        with pytest.raises(DataError, match=r"2DLC_net.csv: has no individual 'residant'.* 'resident'"):
            load(data, individuals=("residant", "intruder"))

    @pytest.mark.parametrize(
        ("changed", "message"),
        [
            (
                {"individuals": ("resident", "c")},
                "has no individual 'intruder'.*first recording, '2', has it",
            ),
            ({"individuals": ("resident", "intruder", "c")}, r"has more individuals than the first .*\(c\)"),
            (
                {"keypoints": ("nose", "neck", "ear")},
                "has other keypoints than the first recording: ear, tail",
            ),
        ],
    )
    def test_recordings_that_differ_are_an_error(self, data: Path, changed, message: str) -> None:
        write_csv(pose_frame(**changed), data / "mice/pose/10DLC_net.csv")
        with pytest.raises(DataError, match=f"10DLC_net.csv: {message}"):
            load(data)

    def test_fps_must_be_told(self, data: Path) -> None:
        with pytest.raises(DataError, match="does not tell its frames a second: write `fps`"):
            load(data, fps=None)

    def test_fps_of_the_annotation_must_agree(self, data: Path) -> None:
        events = [(1.0, "resident", "attack", "START"), (2.0, "resident", "attack", "STOP")]
        assert load_boris(data, events).recordings[0].views[0].labels[:, 0].sum() == 10
        message = r"events.csv: the experiment says 10 frames a second, the annotation says 25"
        with pytest.raises(DataError, match=message):
            load_boris(data, events, fps=25.0)

    def test_a_subject_must_be_an_individual_or_be_mapped(self, data: Path) -> None:
        events = [(1.0, "residant", "attack", "START"), (2.0, "residant", "attack", "STOP")]
        with pytest.raises(
            DataError, match=r"events.csv:17: 'residant' is no individual .* 'resident'.*`subjects`"
        ):
            load_boris(data, events)
        for name in ("resident", None):
            dataset = load_boris(data, events, subjects={"residant": name})
            assert dataset.recordings[0].views[0].labels[:, 0].sum() == 10


class TestLabels:
    def test_annotations_past_the_end_are_an_error_or_trimmed_and_told(self, data: Path) -> None:
        write_caltech(data / "mice/annotations/10_annot.txt", [*BOUTS[:2], (21, 47, "other")])
        with pytest.raises(
            DataError, match=r"10_annot.txt:12: bout 'other' ends 7 frames past .*past_end: trim"
        ):
            load(data)
        dataset = load(data, past_end="trim")
        assert len(dataset.recordings[1].views[0].labels) == 40
        assert dataset.notes == ("annotations past the pose's end, trimmed: 1 of 2 (frames: 10_annot.txt 7)",)

    def test_a_pose_longer_than_its_annotation_ends_unlabelled(self, data: Path) -> None:
        write_caltech(data / "mice/annotations/10_annot.txt", BOUTS[:2])
        assert (load(data).recordings[1].views[0].labels[20:] == -1).all()
        dataset = load(data, unobserved="background", background="other")
        assert (dataset.recordings[1].views[0].labels[20:] == (0, 1)).all()

    def test_background_is_added_to_the_classes(self, data: Path) -> None:
        dataset = load(data, classes=("attack",), background="rest", behaviours={"other": "rest"})
        assert dataset.classes == ("attack", "rest")
        assert dataset.recordings[0].views[0].labels.sum(axis=0).tolist() == [10, 30]

    def test_a_class_that_never_occurs_is_an_error_with_the_nearest_that_does(self, data: Path) -> None:
        with pytest.raises(DataError, match=r"class 'atack' never occurs.*Did you mean 'attack'"):
            load(data, classes=("atack", "other"), other_behaviours="unlabelled")

    def test_a_mapped_word_that_never_occurs_is_an_error(self, data: Path) -> None:
        with pytest.raises(
            DataError, match=r"behaviours maps 'atack', which occurs in no .*Did you mean 'attack'"
        ):
            load(data, behaviours={"atack": "attack"})

    def test_other_behaviours_are_an_error_or_what_is_asked_for(self, data: Path) -> None:
        rows = [(1, 10, "other"), (11, 20, "attack"), (21, 30, "mount"), (31, 40, "other")]
        write_caltech(data / "mice/annotations/10_annot.txt", rows)
        with pytest.raises(DataError, match=r"10_annot.txt:12: behaviour 'mount' is none of the classes"):
            load(data)
        dataset = load(data, other_behaviours="unlabelled")
        assert (dataset.recordings[1].views[0].labels[20:30] == -1).all()
        assert dataset.notes == ("bouts of no class, taken as unlabelled: mount (1)",)

    def test_the_faults_of_all_files_are_told_together(self, data: Path) -> None:
        write_caltech(data / "mice/annotations/2_annot.txt", [(1, 50, "attack")])
        (data / "mice/pose/10DLC_net.csv").write_text("")
        with pytest.raises(DataError) as error:
            load(data)
        first, second = map(str, error.value.problems)
        assert "2_annot.txt:10: bout 'attack' ends 10 frames past" in first
        assert "10DLC_net.csv: the file is empty" in second

    def test_a_screenful_of_faults_is_enough(self, data: Path) -> None:
        for number in range(30):
            write_csv(pose_frame(5), data / f"mice/pose/{number}DLC_net.csv")
            (data / f"mice/annotations/{number}_annot.txt").write_text("rubbish")
        with pytest.raises(DataError) as error:
            load(data)
        assert len(error.value.problems) == 21
        assert "… and 10 more" in str(error.value.problems[-1])

    def test_a_directory_in_place_of_a_file_is_an_error(self, data: Path) -> None:
        (data / "mice/pose/10DLC_net.csv").unlink()
        (data / "mice/pose/10DLC_net.csv").mkdir()
        assert load(data).notes == ("annotation files without a pose: 1 (annotations/10_annot.txt)",)

    def test_what_readers_repaired_is_told(self, data: Path) -> None:
        events = [
            (1.0, "resident", "attack", "START"),
            (2.0, "resident", "attack", "STOP"),
            (3.0, "resident", "attack", "STOP"),
        ]
        reader = resolved(mabe_label_readers(), "boris", unmatched="drop")
        write_boris(data / "mice/events.csv", events, length=4.0)
        pair = Pair(pose="pose/2DLC_net.csv", labels="events.csv")
        asked = config(pose={"min_confidence": 0.6}, pairs=(pair,), background="other")
        notes = build(attrs_with(asked, labels=reader), DataAccess((data,))).notes
        assert "2DLC_net.csv: points below min_confidence 0.6, taken as missing: " in notes[1]
        assert notes[2] == "events.csv: START or STOP without the other, dropped: 1 (lines 19)"


THREE = ("a", "b", "c")
# agent, target, behaviour, first and last frame, as a plain CSV has them
PAIRS = """behaviour,start,stop,agent,target
attack,0,10,a,b
attack,20,30,b,a
mount,5,15,a,c
rear,30,40,c,
"""


def load_pairs(data: Path, text: str = PAIRS, **settings) -> Dataset:
    """Load one session of three animals whose bouts have an agent and a target."""
    write_csv(pose_frame(individuals=THREE), data / "mice/pose/3DLC_net.csv")
    (data / "mice/bouts.csv").write_text(text)
    pair = Pair(pose="pose/3DLC_net.csv", labels="bouts.csv")
    asked = config(
        pairs=(pair,),
        **{"classes": ("attack", "mount", "rear"), "views": "pairs", "multi_label": True} | settings,
    )
    reader = resolved(mabe_label_readers(), "bouts", unit="frames")
    return build(attrs_with(asked, labels=reader), DataAccess((data,)))


class TestPairs:
    def test_each_ordered_pair_is_a_view_with_its_own_bouts(self, data: Path) -> None:
        dataset = load_pairs(data)
        (recording,) = dataset.recordings
        assert [view.individuals for view in recording.views] == [
            (0, 1),
            (0, 2),
            (1, 0),
            (1, 2),
            (2, 0),
            (2, 1),
        ]
        shown = {
            view.individuals: [np.flatnonzero(column == 1).tolist() for column in view.labels.T]
            for view in recording.views
        }
        rear = list(range(30, 40))
        assert shown == {
            (0, 1): [list(range(10)), [], []],
            (0, 2): [[], list(range(5, 15)), []],
            (1, 0): [list(range(20, 30)), [], []],
            (1, 2): [[], [], []],
            (2, 0): [[], [], rear],  # without a target: what the agent does is seen with everybody
            (2, 1): [[], [], rear],
        }
        assert not dataset.exclusive
        assert all((view.labels >= 0).all() for view in recording.views)

    def test_bouts_of_several_classes_may_overlap_only_where_that_is_said(self, data: Path) -> None:
        text = PAIRS.replace("mount,5,15,a,c", "mount,5,15,a,b")
        labels = load_pairs(data, text).recordings[0].views[0].labels
        assert labels[5:10].tolist() == [[1, 1, 0]] * 5
        with pytest.raises(DataError, match=r"bouts.csv:4: bout 'mount' overlaps bout 'attack' of line 2"):
            load_pairs(data, text, multi_label=False)

    @pytest.mark.parametrize(
        ("before", "after", "message"),
        [
            (",a,b", ",,b", ":2: bout 'attack' names no agent, and views are pairs"),
            (",a,c", ",a,d", ":4: 'd' is no individual of 3DLC_net.csv"),
            ("20,30", "20,50", ":3: bout 'attack' ends 10 frames past the pose's end"),
            ("rear,30,40", "rare,30,40", ":5: behaviour 'rare' is none of the classes. Valid: attack, mount"),
        ],
    )
    def test_what_does_not_fit_is_an_error_told_once(self, data: Path, before, after, message: str) -> None:
        assert before in PAIRS
        with pytest.raises(DataError, match=f"bouts.csv{message}") as error:
            load_pairs(data, PAIRS.replace(before, after))
        assert len(error.value.problems) == 1

    def test_a_bout_of_somebody_who_was_not_chosen_is_an_error(self, data: Path) -> None:
        with pytest.raises(DataError, match=r"bouts.csv:4: bout 'mount' is of 'c', who is not among"):
            load_pairs(data, individuals=("a", "b"))
        with pytest.raises(DataError, match="one individual makes no pairs"):
            load_pairs(data, individuals=("a",))

    def test_the_report_tells_the_views_and_what_was_looked_for(self, data: Path) -> None:
        from mabe_core import import_report

        report = import_report(load_pairs(data))
        assert report.looked_for == {"attack": 240, "mount": 240, "rear": 240}
        assert "views         6" in report.lines()
        assert "class         rear    20 frames (8.3%) of 240 labelled for it" in report.lines()


def attrs_with(made: PoseFilesConfig, **changes) -> PoseFilesConfig:
    import attrs

    return attrs.evolve(made, **changes)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pose_pattern": None, "labels_pattern": None}, "give either pairs, or both"),
        ({"labels_pattern": None}, "give either pairs, or both"),
        ({"classes": ("attack", "attack")}, "a class is named twice"),
        ({"behaviours": {"bite": "atack"}}, "maps 'bite' to 'atack', which is not in classes"),
        ({"unobserved": "background"}, "name that class as background"),
        ({"classes": ("attack",)}, "one class leaves nothing to tell apart"),
        ({"fps": 0.0}, "fps"),
        ({"classes": ()}, "classes"),
        ({"multi_label": True, "background": "other"}, "leave background out"),
    ],
)
def test_a_config_that_makes_no_sense_is_refused(settings, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        config(**settings)


def test_naming_the_components_imports_nothing_heavy() -> None:
    code = (
        "import sys; from mabe_plugins import pose_files, pose_readers, label_readers, splits;"
        "pose_files.mabe_datasets(), pose_readers.mabe_pose_readers(), label_readers.mabe_label_readers(),"
        "splits.mabe_splits(); print({'numpy', 'pandas', 'h5py', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
