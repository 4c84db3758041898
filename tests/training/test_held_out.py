"""Final scores: written at the end of a run, resumable, of the best checkpoint, on what was held out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from mabe_core import PoseTracks, load_model
from mabe_core.cloud.manifest import FILE, read_manifest, same_content, write_manifest
from mabe_core.discovery import load_plugins
from mabe_core.exchange import DataAccess
from mabe_core.experiment import read_document, resolve
from mabe_core.runs.directory import RunDirectory
from mabe_core.runs.opening import OpenedRun, open_run
from mabe_core.runs.scores import read_frames, read_scores
from mabe_core.training.events import Event, Scoring
from mabe_core.training.interruption import Interrupted, StopRequest
from mabe_core.training.run import train

THREE_PARTS = "data.split={name: recordings, validation: [tiny1], test: [tiny2, tiny3]}"
WEAK = ("--set", "training.epochs=1", "--set", "optimizer.learning_rate=1e-3")

# turns the labels of the recordings tiny2 and tiny3 around
POISONED = """
import attrs
from mabe_core import DatasetSpec, View, hookimpl
import tiny as honest

def build(config, access):
    made = honest.build(config, access)
    recordings = [
        attrs.evolve(each, views=(View((0, 1), 1 - each.views[0].labels),)) if each.name in ("tiny2", "tiny3")
        else each
        for each in made.recordings
    ]
    return attrs.evolve(made, recordings=tuple(recordings))

@hookimpl
def mabe_datasets():
    return [DatasetSpec(name="poisoned", config=honest.TinyConfig, build=build)]
"""


def only_run(folder: Path) -> RunDirectory:
    (run,) = (folder / "runs").iterdir()
    return RunDirectory(run)


def files(run: RunDirectory) -> dict[str, bytes]:
    return {
        path.relative_to(run.path).as_posix(): path.read_bytes()
        for path in [*run.checkpoints.rglob("*"), run.best, run.last, run.metrics]
        if path.is_file()
    }


def opened(file: Path, runs: Path) -> OpenedRun:
    document = read_document(file, (THREE_PARTS,))
    registry = load_plugins(document.plugin_files)
    return open_run(resolve(document, registry), registry, runs, DataAccess(()))


def test_scores_equal_scikit_learns_over_the_frames_that_are_kept(mabe, tiny, tmp_path):
    outcome = mabe("run", tiny, *WEAK, "--set", THREE_PARTS)
    assert outcome.code == 0, outcome.err
    run = only_run(tmp_path)
    found = read_scores(run)
    assert found is not None
    assert found.held_out == "test"
    frames = read_frames(run, found)
    assert [stretch.recording for stretch in found.stretches["test"]] == ["tiny2", "tiny3"]
    for part, recordings in {"validation": 1, "test": 2}.items():
        assert len(frames[part]) == recordings
        truth = np.concatenate([each.truth.argmax(1) for each in frames[part]])
        guess = np.concatenate([each.predicted.argmax(1) for each in frames[part]])
        by_probability = np.concatenate([each.probability.argmax(1) for each in frames[part]])
        assert (guess == by_probability).mean() > 0.99  # float16 makes some equal
        macro = f1_score(truth, guess, labels=range(2), average="macro", zero_division=0)
        assert 0.3 < macro < 1
        assert found.pooled[part]["macro_f1"] == pytest.approx(macro)
        assert found.pooled[part]["accuracy"] == pytest.approx(accuracy_score(truth, guess))
    record = json.loads(run.record.read_text())
    assert record["held_out"] == found.pooled["test"]
    assert f"{found.pooled['test']['macro_f1']:.4f}" in outcome.out
    assert "final, test" in outcome.out
    assert "tiny3" in outcome.out


def test_labels_held_out_for_the_test_decide_nothing_but_the_test_scores(mabe, tiny, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "files"))
    (tmp_path / "poisoned.py").write_text(POISONED)
    mabe("run", tiny, *WEAK, "--set", THREE_PARTS, "--runs-dir", tmp_path / "honest" / "runs")
    outcome = mabe(
        "run",
        tiny,
        *WEAK,
        "--set",
        THREE_PARTS,
        "--set",
        "data.dataset=poisoned",
        "-p",
        tmp_path / "poisoned.py",
        "--runs-dir",
        tmp_path / "poisoned" / "runs",
    )
    assert outcome.code == 0, outcome.err
    runs = [only_run(tmp_path / which) for which in ("honest", "poisoned")]
    one, other = (files(run) for run in runs)
    for name in one:
        if not name.endswith("metrics.jsonl"):  # which has times
            assert one[name] == other[name], name
    scores = [read_scores(run) for run in runs]
    assert scores[0].pooled["validation"] == scores[1].pooled["validation"]
    assert scores[0].pooled["test"]["accuracy"] == pytest.approx(1 - scores[1].pooled["test"]["accuracy"])


def test_asked_to_stop_while_scoring_it_finishes_with_the_same_command(tiny, tmp_path):
    stop = StopRequest()

    def ask(event: Event) -> None:
        if isinstance(event, Scoring):
            stop.ask()

    with pytest.raises(Interrupted, match="while the recordings held out were scored"):
        train(opened(tiny, tmp_path / "runs"), ask, stop)
    run = only_run(tmp_path)
    before = files(run)
    assert json.loads(run.record.read_text())["state"] == "interrupted"
    assert read_scores(run) is None
    again = opened(tiny, tmp_path / "runs")
    assert again.state == "resumed"
    record = train(again)
    assert record.state == "finished"
    assert record.held_out == read_scores(run).pooled["test"]
    assert files(run) == before


@pytest.mark.parametrize("left", [[], ["scores.safetensors"]])
def test_killed_before_its_scores_were_written_it_finishes_with_the_same_command(mabe, tiny, tmp_path, left):
    mabe("run", tiny, "--set", THREE_PARTS)
    run = only_run(tmp_path)
    whole, before = (
        {name: (run.path / name).read_bytes() for name in ("scores.json", "scores.safetensors")},
        files(run),
    )
    for name in whole:
        if name not in left:
            (run.path / name).unlink()
    record = json.loads(run.record.read_text())
    run.record.write_text(json.dumps({**record, "state": "running", "held_out": {}}))
    outcome = mabe("run", tiny, "--set", THREE_PARTS)
    assert outcome.code == 0, outcome.err
    assert files(run) == before
    assert {name: (run.path / name).read_bytes() for name in whole} == whole
    assert json.loads(run.record.read_text())["held_out"] == record["held_out"]


def test_stretches_shorter_than_a_window_are_scored_and_told(mabe, tiny, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "files"))
    cut = "points=each.points[:10], views=(View((0, 1), each.views[0].labels[:10]),)"
    (tmp_path / "cut.py").write_text(
        POISONED.replace("views=(View((0, 1), 1 - each.views[0].labels),)", cut).replace("poisoned", "cut")
    )
    words = (*WEAK, "--set", THREE_PARTS, "--set", "data.dataset=cut", "-p", tmp_path / "cut.py")
    outcome = mabe("run", tiny, *words)
    assert outcome.code == 0, outcome.err
    found = read_scores(only_run(tmp_path))
    assert [np.sum(each.confusion) for each in found.stretches["test"]] == [10, 10]
    assert found.notice.startswith("20 frames lie in stretches shorter than a window")
    assert found.notice in outcome.out.replace("\n", " ")


def test_a_damaged_best_checkpoint_is_told_with_what_to_do(mabe, tiny, tmp_path):
    mabe("run", tiny)
    run = only_run(tmp_path)
    best, last = (json.loads(file.read_text())["checkpoint"] for file in (run.best, run.last))
    assert best != last
    (run.checkpoints / best / "model.safetensors").write_bytes(b"")
    record = json.loads(run.record.read_text())
    run.record.write_text(json.dumps({**record, "state": "interrupted"}))
    outcome = mabe("run", tiny)
    assert outcome.code == 1
    assert "the best checkpoint cannot be used" in outcome.err
    assert "--fresh" in outcome.err


def test_the_scores_are_among_the_files_that_are_brought_from_the_cloud(mabe, tiny, tmp_path):
    mabe("run", tiny, *WEAK)
    run = only_run(tmp_path)
    write_manifest(run)
    listed = read_manifest(run.path / FILE)
    for name in ("scores.json", "scores.safetensors"):
        assert same_content(run.path / name, listed[name])


def test_it_is_the_best_checkpoint_that_scores_not_the_last(mabe, tiny, tmp_path):
    mabe("run", tiny)
    run = only_run(tmp_path)
    best, last = (json.loads(file.read_text())["checkpoint"] for file in (run.best, run.last))
    assert best != last
    found = read_scores(run)
    assert found.checkpoint == best
    (kept,) = read_frames(run, found)["validation"]
    document = read_document(run.experiment)
    (recording, *_) = (
        resolve(document, load_plugins(document.plugin_files)).data.dataset.build(DataAccess(())).recordings
    )
    tracks = PoseTracks(recording.points, recording.individuals, recording.keypoints, fps=30.0)
    expected = load_model(run.path).predict(tracks).probabilities
    np.testing.assert_array_equal(kept.probability, expected.astype(np.float16))
