"""Post-processing in a run: fitted on validation recordings, kept, and applied wherever frames are decided."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mabe_core import DataAccess, PoseTracks, load_model
from mabe_core.discovery import load_plugins
from mabe_core.experiment import read_document, resolve
from mabe_core.runs.identity import experiment_id
from mabe_core.runs.post_processing import FILE
from mabe_core.runs.scores import read_frames, read_scores
from tests.training.test_held_out import POISONED, THREE_PARTS, WEAK, only_run

CHAIN = ("--set", "post_processing=[hmm, thresholds, {name: bout_length, closes: [0.1], shortest: [0.4]}]")
WITH_CHAIN = (*WEAK, *CHAIN, "--set", THREE_PARTS)


def tracks_of(run: Path, name: str) -> PoseTracks:
    document = read_document(run / "experiment.yaml")
    experiment = resolve(document, load_plugins(document.plugin_files))
    made = {each.name: each for each in experiment.data.dataset.build(DataAccess(())).recordings}[name]
    return PoseTracks(made.points, made.individuals, made.keypoints, fps=30.0)


@pytest.fixture
def trained(mabe, tiny, tmp_path):
    outcome = mabe("run", tiny, *WITH_CHAIN)
    assert outcome.code == 0, outcome.err
    return only_run(tmp_path)


def test_scores_and_predictions_are_of_what_post_processing_decides(trained):
    frames = read_frames(trained, read_scores(trained))["test"]
    changed = [(each.predicted.argmax(1) != each.probability.argmax(1)).mean() for each in frames]
    assert max(changed) > 0.02
    for each in frames:
        edges = np.flatnonzero(np.diff(each.predicted.argmax(1), prepend=-1, append=-1))
        assert np.diff(edges).min() >= 12  # 0.4 seconds
    model = load_model(trained.path)
    assert model.notes == ()
    for name, kept in zip(("tiny2", "tiny3"), frames, strict=True):
        found = model.predict(tracks_of(trained.path, name))
        np.testing.assert_array_equal(found.labels, kept.predicted)
        np.testing.assert_array_equal(found.probabilities.astype(np.float16), kept.probability)


def test_labels_held_out_for_the_test_are_not_fitted_to(mabe, tiny, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "files"))
    parts = "data.split={name: recordings, validation: [tiny0], test: [tiny2, tiny3]}"

    def fitted(names: str) -> bytes:
        """Return what is learned where the labels of these recordings are turned around."""
        folder = tmp_path / f"without{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        (folder / "poisoned.py").write_text(POISONED.replace('("tiny2", "tiny3")', names))
        words = (
            "--set",
            "data.dataset=poisoned",
            "-p",
            folder / "poisoned.py",
            "--runs-dir",
            folder / "runs",
        )
        outcome = mabe("run", tiny, *WEAK, *CHAIN, "--set", parts, *words)
        assert outcome.code == 0, outcome.err
        return (only_run(folder).path / FILE).read_bytes()

    honest = fitted("()")
    assert fitted('("tiny2", "tiny3")') == honest
    assert fitted('("tiny0",)') != honest  # which it is fitted to: the poison would show


def test_it_goes_with_the_model_into_the_registry_and_into_exports(mabe, trained, tmp_path):
    assert mabe("models", "add", trained.id, "--name", "dots").code == 0
    assert mabe("export", "dots", "-o", tmp_path / "export", "--no-onnx").code == 0
    tracks = tracks_of(trained.path, "tiny2")
    expected = load_model(trained.path).predict(tracks).labels
    for place in (tmp_path / "models" / "dots" / "1", tmp_path / "export"):
        np.testing.assert_array_equal(load_model(place).predict(tracks).labels, expected)
    (tmp_path / "export" / FILE).write_text("{}")
    told = mabe("evaluate", tmp_path / "export")
    assert told.code == 2
    assert f"{FILE} was changed" in told.err


def test_another_checkpoint_is_used_without_it_and_that_is_told(mabe, tiny, tmp_path):
    mabe("run", tiny, "--set", "training.epochs=3", "--set", "checkpoint.every_epochs=1", *CHAIN)
    run = only_run(tmp_path)
    best = json.loads(run.best.read_text())["checkpoint"]
    other = next(name for name in sorted(path.name for path in run.checkpoints.iterdir()) if name != best)
    mabe("models", "add", run.id, "--name", "dots", "--checkpoint", other)
    with pytest.warns(
        UserWarning, match=r"without post-processing \(hmm, thresholds, bout_length\), which was"
    ):
        model = load_model(tmp_path / "models" / "dots" / "1")
    found = model.predict(tracks_of(run.path, "tiny2"))
    assert np.array_equal(found.labels.argmax(1), found.probabilities.argmax(1))


def test_scores_on_the_recordings_that_it_was_fitted_on_say_so(mabe, tiny, tmp_path):
    outcome = mabe("run", tiny, *WEAK, *CHAIN)
    told = "Post-processing (hmm, thresholds, bout_length) was fitted on the recordings that these scores are of."
    assert told in " ".join(outcome.out.split())
    assert told in " ".join(mabe("evaluate", only_run(tmp_path).id).out.split())


def test_an_experiment_without_it_has_the_id_that_it_had(tiny):
    def id_of(*settings: str) -> str:
        document = read_document(tiny, settings)
        registry = load_plugins(document.plugin_files)
        return experiment_id(resolve(document, registry), registry)

    assert id_of() == id_of("post_processing=[]")
    assert (
        id_of() != id_of("post_processing=[hmm]") != id_of("post_processing=[{name: hmm, decode: viterbi}]")
    )


def test_what_a_plugin_learned_that_json_cannot_hold_is_told_with_the_place(mabe, tiny, tmp_path):
    plugin = """
import attrs, numpy
from mabe_core import PostProcessingSpec, hookimpl

@attrs.frozen
class Config:
    "Nothing."

@hookimpl
def mabe_post_processing():
    return [PostProcessingSpec(name="odd", config=Config, fit=lambda config, context: {"a": numpy.ones(2)},
                               build=lambda config, data, fitted: lambda probability, fps: probability)]
"""
    (tmp_path / "odd.py").write_text(plugin)
    outcome = mabe("run", tiny, *WEAK, "--set", "post_processing=[odd]", "-p", tmp_path / "odd.py")
    assert outcome.code == 2
    assert "post_processing: post-processing odd learned what JSON cannot hold" in outcome.err
    assert "`array.tolist()` makes a list" in " ".join(outcome.err.split())
