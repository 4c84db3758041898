"""The real recordings in shared/data: what the importers make of them, against counts made otherwise."""

from __future__ import annotations

import collections
import os
import tarfile
from pathlib import Path

import attrs
import numpy as np
import pytest

from mabe_core import DataAccess, DataError, Dataset, import_report
from mabe_plugins.label_readers import mabe_label_readers
from mabe_plugins.pose_files import Pair, PoseFilesConfig, build
from mabe_plugins.pose_readers import mabe_pose_readers
from tests.plugins.pose_writing import resolved

ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("MABE_SHARED_DATA", ROOT.parent / "shared" / "data"))
CLASSES = ("base", "aggression", "social", "nonsocial")


@pytest.fixture(scope="module")
def rats(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that holds rat_dyad, unpacked."""
    archive = SHARED / "rat_dyad.tar.xz"
    if not archive.exists():
        pytest.skip(f"the rat recordings are not here: {archive}")
    folder = tmp_path_factory.mktemp("rats")
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    return folder


def rat_config(**settings) -> PoseFilesConfig:
    return PoseFilesConfig(
        folder="rat_dyad",
        pose=resolved(mabe_pose_readers(), "deeplabcut"),
        labels=resolved(mabe_label_readers(), "caltech"),
        pose_pattern="pose/{session}DLC_*.csv",
        labels_pattern="annotations/{session}_annot.txt",
        fps=30.0,
        classes=CLASSES,
        **settings,
    )


@pytest.fixture(scope="module")
def rat_dataset(rats: Path) -> Dataset:
    return build(rat_config(past_end="trim"), DataAccess((rats,)))


def counted_by_hand(rats: Path, session: str) -> tuple[int, collections.Counter[str], int]:
    """Return a session's frames, frames of S1 a class within the pose, and frames past its end."""
    (pose,) = (rats / "rat_dyad/pose").glob(f"{session}DLC_*.csv")
    frames = pose.read_bytes().count(b"\n") - 4
    counts: collections.Counter[str] = collections.Counter()
    past = 0
    text = (rats / f"rat_dyad/annotations/{session}_annot.txt").read_text()
    for row in text.partition("S1:")[2].partition("S2:")[0].splitlines()[2:]:
        if row.strip():
            start, end, name = row.split()
            counts[name] += max(0, min(int(end), frames) - int(start) + 1)
            past = max(past, int(end) - frames)
    return frames, counts, past


def test_every_rat_session_has_the_frames_that_its_files_say(rats: Path, rat_dataset: Dataset) -> None:
    assert [recording.name for recording in rat_dataset.recordings] == [str(n) for n in range(1, 48)]
    late = []
    for recording in rat_dataset.recordings:
        frames, counts, past = counted_by_hand(rats, recording.name)
        labels = recording.views[0].labels
        assert recording.points.shape == (frames, 2, 5, 2)
        assert dict(zip(CLASSES, (labels == 1).sum(axis=0), strict=True)) == {
            name: counts[name] for name in CLASSES
        }
        assert (labels[-1] >= 0).all()
        if past > 0:
            late.append(f"{recording.name}_annot.txt {past}")
    assert rat_dataset.notes == (
        f"annotations past the pose's end, trimmed: 7 of 47 (frames: {', '.join(late)})",
    )


def test_the_report_on_the_rats_adds_up(rats: Path, rat_dataset: Dataset) -> None:
    report = import_report(rat_dataset)
    by_hand = [counted_by_hand(rats, recording.name) for recording in rat_dataset.recordings]
    assert report.recordings == 47
    assert report.frames == sum(frames for frames, _, _ in by_hand) == 673_765
    assert report.class_frames == {name: sum(counts[name] for _, counts, _ in by_hand) for name in CLASSES}
    assert report.unlabelled == 0
    assert report.individuals == {("individual1", "individual2"): 47}
    assert report.keypoints == {("top", "body", "tail", "tail-m", "tail-e"): 47}
    assert report.fps == {30.0: 47}
    complete = sum(
        int((~np.isnan(recording.points[:, :, :3]).any(axis=(1, 2, 3))).sum())
        for recording in rat_dataset.recordings
    )
    assert 0.36 < complete / report.frames < 0.40  # the data's README: about 38 %


def test_sessions_that_run_past_the_pose_are_an_error_by_default(rats: Path) -> None:
    with pytest.raises(DataError) as error:
        build(rat_config(), DataAccess((rats,)))
    told = [str(problem) for problem in error.value.problems]
    assert len(told) == 7
    assert (
        "/annotations/8_annot.txt:65: bout 'base' ends 7 frames past the pose's end (15249 frames)" in told[0]
    )


def test_the_second_stream_has_behaviours_of_its_own(rats: Path) -> None:
    asked = attrs.evolve(
        rat_config(past_end="trim"),
        labels=resolved(mabe_label_readers(), "caltech", stream=2),
        classes=("clinch", "base"),
    )
    with pytest.raises(DataError, match="there is no stream S2; there is S1"):
        build(asked, DataAccess((rats,)))


def test_the_mouse_pair_interacts_in_663_frames() -> None:
    folder = SHARED / "mouse_dyad"
    if not folder.exists():
        pytest.skip(f"the mouse recording is not here: {folder}")
    asked = PoseFilesConfig(
        folder="mouse_dyad",
        pose=resolved(mabe_pose_readers(), "deeplabcut"),
        labels=resolved(mabe_label_readers(), "boris"),
        pairs=(Pair(pose="e3v813a-20210610T122332-122642DLC.csv", labels="boris.csv"),),
        fps=30.0,
        classes=("interact",),
        background="other",
    )
    report = import_report(build(asked, DataAccess((SHARED,))))
    assert report.class_frames == {"interact": 663, "other": 5037}
    assert (report.frames, report.unlabelled, report.notes) == (5700, 0, ())
    assert report.individuals == {("adult", "juvenile"): 1}
