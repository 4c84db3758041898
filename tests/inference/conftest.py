"""Trained models to use: two mice that meet or not, as DeepLabCut files, and a model of seconds of training."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mabe_core.cli import main
from mabe_core.runs.study import Member, Study, write_study

KEYPOINTS = ("nose", "tail")
FPS = 30.0

EXPERIMENT = """\
name: pair
seed: 1
data:
  dataset:
    name: pose_files
    folder: mice
    labels: boris
    pose_pattern: "{film}.csv"
    labels_pattern: "{film}.boris"
    fps: 30
    classes: [meet]
    background: apart
  split: {name: recordings, validation: [film1], test: [film2]}
  features: [interpolate]
  sequence_length: 16
model: {name: transformer, hidden_dim: 16, num_layers: 1, num_heads: 2}
optimizer: {name: adamw, learning_rate: 1e-2}
training: {epochs: 2, batch_size: 8, windows_per_epoch: 160}
device: cpu
"""


def points(frames: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (frames, 2, 2, 2) and bool (frames,): two mice, and when they meet."""
    rng = np.random.default_rng(seed)
    meet = np.sin(np.arange(frames) / 20 + seed) > 0
    first = rng.normal(size=(frames, 2, 2)) * 0.1
    second = first + np.where(meet, 0.2, 1.5)[:, None, None] + rng.normal(size=(frames, 2, 2)) * 0.2
    return np.stack([first, second], axis=1), meet


def write_pose(
    file: Path, tracks: np.ndarray, individuals=("resident", "intruder"), keypoints=KEYPOINTS
) -> Path:
    """Write DeepLabCut's CSV."""
    columns = pd.MultiIndex.from_tuples(
        list(itertools.product(["net"], individuals, keypoints, ["x", "y", "likelihood"])),
        names=["scorer", "individuals", "bodyparts", "coords"],
    )
    with_likelihood = np.concatenate([tracks, np.ones((*tracks.shape[:-1], 1))], axis=-1)
    pd.DataFrame(with_likelihood.reshape(len(tracks), -1), columns=columns).to_csv(file)
    return file


def write_labels(file: Path, meet: np.ndarray) -> None:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], meet, [False]]).astype(int)))
    rows = ["Time,Total length,FPS,Subject,Behavior,Status"]
    for start, stop in edges.reshape(-1, 2):
        for frame, status in ((start, "START"), (stop, "STOP")):
            rows.append(f"{frame / FPS:.3f},{len(meet) / FPS:.3f},{FPS},No focal subject,meet,{status}")
    file.write_text("\n".join(rows) + "\n")


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with data/mice, pair.yaml, and runs of it with seeds 1 and 2, a study."""
    folder = tmp_path_factory.mktemp("trained")
    mice = folder / "data" / "mice"
    mice.mkdir(parents=True)
    for number in range(3):
        tracks, meet = points(400, number)
        write_pose(mice / f"film{number}.csv", tracks)
        write_labels(mice / f"film{number}.boris", meet)
    (folder / "pair.yaml").write_text(EXPERIMENT)
    members = []
    with pytest.MonkeyPatch.context() as patch:
        for seed in (1, 2):
            words = ["run", folder / "pair.yaml", "--set", f"seed={seed}", "--runs-dir", folder / "runs"]
            patch.setattr("sys.argv", ["mabe", *map(str, [*words, "--data-dir", folder / "data"])])
            with pytest.raises(SystemExit) as ended:
                main()
            assert not ended.value.code
            new = {path.name for path in (folder / "runs").iterdir()} - {each.id for each in members}
            members.append(Member(id=new.pop(), settings={"seed": seed}))
    text = json.dumps({"name": "pair"})
    study = Study(
        id="pair_study-0123456789",
        name="pair_study",
        description="",
        axes=["seed"],
        members=tuple(members),
        text=text,
    )
    write_study(folder / "runs", study)
    return folder


@pytest.fixture
def here(trained: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Work in an empty folder, with the trained models and their data found."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MABE_RUNS", str(trained / "runs"))
    monkeypatch.setenv("MABE_DATA", str(trained / "data"))
    return tmp_path


@pytest.fixture
def run_id(trained: Path) -> str:
    """Return the id of the run with seed 1."""
    study = json.loads((trained / "runs" / "pair_study-0123456789" / "study.json").read_text())
    first: str = study["members"][0]["id"]
    return first
