"""A submission to the MABe challenge: held to the challenge's own checks and score."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

from mabe_core import DataAccess, Dataset, Recording, UserError
from mabe_core.discovery import load_plugins
from mabe_core.experiment import resolve
from mabe_core.experiment.document import read_document
from mabe_core.inference.prediction import PredictedView, Prediction
from mabe_core.inference.writers import prediction_file
from mabe_core.training import cached
from mabe_core.training.reading import read_dataset
from mabe_plugins.mabe_f_beta import Interval, Video, f_beta
from mabe_plugins.mabe_kaggle import MabeKaggleConfig, build
from tests.conftest import ROOT
from tests.inference import challenge
from tests.plugins.kaggle_writing import annotation, tracking, video, write_table, write_video

LISTED = ("mouse1,mouse2,chase", "mouse1,mouse2,sniff", "mouse2,mouse1,sniff", "mouse1,self,rear")
# lab, video, frames a second, frames, bouts
FILMS: tuple[tuple[str, str, float, int, tuple[tuple[int, int, str, int, int], ...]], ...] = (
    ("A", "11", 30.0, 90, ((1, 2, "chase", 3, 40), (1, 2, "sniff", 40, 61), (1, 1, "rear", 0, 90))),
    ("A", "12", 60.0, 200, ((2, 1, "sniff", 20, 81), (1, 2, "chase", 100, 200))),
    # annotated at 30 frames a second, of which the film lasts 84
    ("AdaptableSnail", "13", 25.0, 70, ((1, 2, "chase", 12, 72), (1, 1, "rear", 30, 84))),
    ("B", "14", 10.0, 50, ((2, 1, "sniff", 4, 30),)),
)
LEARN = f"""\
extends: {ROOT / "experiments" / "mabe_kaggle.yaml"}
name: challenge
data:
  dataset: {{labs: [A], part: train}}
  split: {{name: recordings, group_by: recording, validation: ["A/12"]}}
  sequence_length: 16
model: {{name: tcn, channels: 8}}
training: {{epochs: 1, batch_size: 8, windows_per_epoch: 160}}
device: cpu
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return a data folder with the films, as training and as test videos."""
    folder = tmp_path / "data" / "mabe_kaggle"
    rows = []
    for lab, name, fps, frames, bouts in FILMS:
        rows.append(video(lab, name, LISTED, fps=fps, video_duration_sec=frames / fps))
        write_video(folder, rows[-1], tracking(frames), annotation(*bouts))
        write_video(folder, rows[-1], tracking(frames), None, part="test")
    write_table(folder, rows)
    write_table(folder, rows, part="test")
    return folder.parent


def load(data: Path, **settings: Any) -> Dataset:
    return build(MabeKaggleConfig(**settings), DataAccess((data,)))


def truth(*videos: str) -> list[dict[str, Any]]:
    return [
        row
        for lab, name, _, _, bouts in FILMS
        if not videos or name in videos
        for row in challenge.solution(lab, name, LISTED, annotation(*bouts))
    ]


def predicted(dataset: Dataset, recording: Recording, says: Any) -> Prediction:
    """Return a prediction of which `says` gives each view's probabilities (frames, classes)."""
    views = []
    for view in recording.views:
        probabilities = np.asarray(says(view), dtype=np.float32)
        names = tuple(recording.individuals[each] for each in view.individuals)
        views.append(PredictedView(names, probabilities, (probabilities > 0.5).astype(np.int8)))
    return Prediction(recording.name, recording.fps, dataset.classes, "", tuple(views), tracks=recording)


def submitted(file: Path, dataset: Dataset, says: Any) -> list[dict[str, Any]]:
    """Write all recordings into a submission; return its rows, as the challenge reads them."""
    with prediction_file(file, dataset.classes, "kaggle", force=True) as add:
        for recording in dataset.recordings:
            add(predicted(dataset, recording, says))
    return challenge.read(file)


def test_what_was_annotated_scores_one_in_frames_of_each_film(data: Path, tmp_path: Path) -> None:
    dataset = load(data)
    rows = submitted(tmp_path / "submission.csv", dataset, lambda view: view.labels == 1)
    assert [row["row_id"] for row in rows] == list(range(len(rows)))
    exact = [row for row in rows if row["video_id"] in ("11", "13")]
    assert challenge.score(truth("11", "13"), exact) == 1.0, "frames that are annotated at 30 a second"
    # at another rate a bout's ends may be a frame off
    found = {(row["video_id"], row["action"]): row for row in rows}
    for row in truth("12", "14"):
        for edge in ("start_frame", "stop_frame"):
            assert abs(found[row["video_id"], row["action"]][edge] - row[edge]) <= 1
    assert challenge.score(truth(), rows) > 0.97
    assert {row["target_id"] for row in rows if row["action"] == "rear"} == {"self"}


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_predicted_passes_the_checks(data: Path, tmp_path: Path, seed: int) -> None:
    dataset = load(data)
    rng = np.random.default_rng(seed)
    # several actions at once, in stretches of 5 frames, of which most are not listed for the pair
    rows = submitted(
        tmp_path / "submission.csv",
        dataset,
        lambda view: rng.random((-(-len(view.labels) // 5), 3)).repeat(5, axis=0)[: len(view.labels)],
    )
    listed = {tuple(item.split(",")) for item in LISTED}
    assert {(row["agent_id"], row["target_id"], row["action"]) for row in rows} == listed
    frames = {name: annotated for _, name, _, annotated, _ in FILMS} | {"13": 84}
    assert all(row["stop_frame"] <= frames[row["video_id"]] for row in rows)
    videos = {name: Video(lab, frozenset(listed)) for lab, name, *_ in FILMS}
    ours = f_beta(*(map(interval, each) for each in (truth(), rows)), videos)
    assert challenge.score(truth(), rows) == pytest.approx(ours)


def interval(row: dict[str, Any]) -> Interval:
    names = ("video_id", "agent_id", "target_id", "action", "start_frame", "stop_frame")
    return Interval(*(row[name] for name in names))


def test_of_two_actions_at_once_the_more_probable_is_written(data: Path, tmp_path: Path) -> None:
    dataset = load(data, labs=("A",), actions=("chase", "sniff"))

    def says(view: Any) -> np.ndarray:
        both = np.full(view.labels.shape, 0.6)
        both[:10, 0], both[10:, 1] = 0.9, 0.8
        return both

    rows = submitted(tmp_path / "submission.csv", dataset, says)
    first = [row for row in rows if (row["video_id"], row["agent_id"]) == ("11", "mouse1")]
    assert [(row["action"], row["start_frame"], row["stop_frame"]) for row in first] == [
        ("chase", 0, 10),
        ("sniff", 10, 90),
    ]
    twice = [row | {"action": "sniff"} if row["start_frame"] == 0 else row for row in first]
    with pytest.raises(challenge.Refused, match=r"(chase|sniff) and (chase|sniff)"):
        challenge.score(truth("11"), [*first, *twice])


def test_a_model_labels_videos_that_nobody_annotated(data: Path, tmp_path: Path, mabe: Any) -> None:
    (tmp_path / "learn.yaml").write_text(LEARN)
    (tmp_path / "test.yaml").write_text(LEARN.replace("labs: [A], part: train", "labs: [], part: test"))
    outcome = mabe("run", tmp_path / "learn.yaml", "--data-dir", data)
    assert outcome.code == 0, outcome.err
    words = (
        "predict",
        "challenge",
        "--data-dir",
        data,
        "--format",
        "kaggle",
        "-o",
        tmp_path / "submission.csv",
    )
    outcome = mabe(*words, "--data", tmp_path / "test.yaml")
    assert outcome.code == 0, outcome.err
    rows = challenge.read(tmp_path / "submission.csv")
    assert {row["video_id"] for row in rows} <= {name for _, name, *_ in FILMS}
    assert {f"{row['agent_id']},{row['target_id']},{row['action']}" for row in rows} <= set(LISTED)
    assert 0.0 <= challenge.score(truth(), rows) <= 1.0
    refused = mabe(*words, data / "mabe_kaggle" / "test_tracking" / "A" / "11.parquet")
    assert refused.code == 2
    assert "name an experiment file whose dataset is mabe_kaggle with --data" in refused.err


def test_what_is_not_of_the_challenge_is_refused(data: Path, tmp_path: Path) -> None:
    dataset = load(data, labs=("A",))
    first = dataset.recordings[0]
    found = predicted(dataset, first, lambda view: view.labels)
    bare = attrs.evolve(first, views=tuple(attrs.evolve(view, asked=None) for view in first.views))
    with pytest.raises(UserError, match="nothing says which actions"):
        attrs.evolve(found, tracks=bare).save(tmp_path / "submission.csv", form="kaggle")
    again = attrs.evolve(found, recording="B/11")
    with prediction_file(tmp_path / "other.csv", dataset.classes, "kaggle") as add:
        add(found)
        with pytest.raises(UserError, match="A/11 and B/11 are both video 11"):
            add(again)
    assert not list(tmp_path.glob("*submission*"))


def test_recordings_from_the_cache_are_written_alike(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MABE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cached, "FEW_BYTES", 0)
    (tmp_path / "learn.yaml").write_text(LEARN)
    experiment = resolve(read_document(tmp_path / "learn.yaml", ()), load_plugins())
    first, again = (read_dataset(experiment, DataAccess((data,))) for _ in range(2))
    assert list((tmp_path / "cache").rglob("*.safetensors"))
    rows = [
        submitted(tmp_path / "submission.csv", each, lambda view: view.labels == 1) for each in (first, again)
    ]
    assert rows[0] == rows[1]
