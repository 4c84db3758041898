"""Run directories as a finished, or a broken off, training would leave them, made without training."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from mabe_core.discovery import load_plugins
from mabe_core.experiment import read_text, resolve, to_text
from mabe_core.experiment.document import Document
from mabe_core.registry import Registry
from mabe_core.runs.directory import RunDirectory, copy_plugins
from mabe_core.runs.files import write_json
from mabe_core.runs.identity import experiment_id, providers
from mabe_core.runs.opening import local_files
from mabe_core.runs.record import Record, describe_components
from mabe_core.runs.scores import Frames, Scores, Stretch, write_scores
from mabe_core.runs.studies import study_ids
from mabe_core.runs.study import Study, read_study
from mabe_core.trust import trust_used

BASE = """\
name: {name}
data:
  dataset: {{name: synthetic}}
  sequence_length: 16
model: {{name: transformer, hidden_dim: 16, num_layers: 1, num_heads: 2}}
optimizer: {{name: adamw, learning_rate: 1e-2}}
training: {{epochs: 4, batch_size: 8}}
device: cpu
"""
CLASSES = ["rest", "sniff", "chase"]


@functools.cache
def registry() -> Registry:
    """Return the built-in components."""
    return load_plugins()


def document(name: str, settings: Sequence[str]) -> Document:
    return read_text(BASE.format(name=name), overrides=settings)


def made_run(
    runs_dir: Path,
    *settings: str,
    name: str = "made",
    plugins: Sequence[Path] = (),
    state: Any = "finished",
    best: float | None = 0.5,
    **record: Any,
) -> RunDirectory:
    """Write a run of an experiment with these settings, `model.hidden_dim=32`; it never trained."""
    found = load_plugins(plugins) if plugins else registry()
    experiment = resolve(document(name, settings), found)
    run = RunDirectory(runs_dir / experiment_id(experiment, found))
    run.make()
    origins = [offer.origin for offer in found.all()]
    trust_used(origins)
    files = local_files(origins)
    copy_plugins(run, files)
    kept = attrs.evolve(experiment, plugins=tuple(f"plugins/{file}" for file, _ in files))
    run.experiment.write_text(to_text(kept))
    times = {"started": "2026-11-01T10:00:00+00:00", "updated": "2026-11-02T10:00:00+00:00"}
    told = {"epoch": 4, "epochs": 4, "step": 40, "monitor": "macro_f1", **times, **record}
    components = describe_components(providers(experiment, found))
    made = Record(id=run.id, state=state, best=best, components=components, **told)
    made.save(run)
    if "updated" not in record:
        write_record(run, updated=times["updated"])
    return run


def write_record(run: RunDirectory, **changes: Any) -> None:
    """Change what a record says, as a person with a good editor would."""
    write_json(run.record, {**json.loads(run.record.read_bytes()), **changes})


def made_scores(
    run: RunDirectory,
    confusions: Mapping[str, NDArray[np.int64]],
    *,
    classes: Sequence[str] = CLASSES,
    part: str = "test",
    notice: str = "",
    **of_stretch: Any,
) -> Scores:
    """Write scores.json of a run with these counts a recording, rows truth."""
    stretches = tuple(
        Stretch(
            recording=name,
            individuals=["a", "b"],
            fps=30.0,
            start=of_stretch.get("start", 0),
            stop=int(confusion.sum()),
            counts=[
                [
                    int(confusion[k, k]),
                    int(confusion[:, k].sum() - confusion[k, k]),
                    int(confusion[k].sum() - confusion[k, k]),
                ]
                for k in range(len(classes))
            ],
            confusion=confusion.tolist(),
            scores=scored(confusion, classes),
        )
        for name, confusion in confusions.items()
    )
    pooled = scored(sum(confusions.values(), np.zeros_like(next(iter(confusions.values())))), classes)
    frames = [
        Frames(
            np.zeros((1, len(classes)), np.int8),
            np.zeros((1, len(classes)), np.float16),
            np.zeros((1, len(classes)), np.int8),
        )
        for _ in stretches
    ]
    scores = Scores(
        checkpoint="step-00000040",
        model="",
        classes=list(classes),
        held_out=part,
        notice=notice,
        pooled={part: pooled},
        stretches={part: stretches},
        frames="",
    )
    write_record(run, held_out=pooled)
    return write_scores(run, scores, {part: frames})


def scored(confusion: NDArray[np.int64], classes: Sequence[str]) -> dict[str, float]:
    """Return accuracy and F1 as scikit-learn computes them from labels a frame."""
    from sklearn.metrics import accuracy_score, f1_score

    truth, predicted = expanded(confusion)
    labels = range(len(classes))
    each = f1_score(truth, predicted, labels=labels, average=None, zero_division=0)
    return {
        "accuracy": float(accuracy_score(truth, predicted)),
        "macro_f1": float(f1_score(truth, predicted, labels=labels, average="macro", zero_division=0)),
        **{f"f1_{name}": float(value) for name, value in zip(classes, each, strict=True)},
    }


def expanded(confusion: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return truth and prediction of each frame that a confusion matrix counts."""
    rows, columns = np.indices(confusion.shape)
    times = confusion.ravel()
    return np.repeat(rows.ravel(), times), np.repeat(columns.ravel(), times)


def all_studies(runs_dir: Path) -> list[Study]:
    """Return the studies of a folder."""
    return [read_study(runs_dir / each) for each in study_ids(runs_dir)]
