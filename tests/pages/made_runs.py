"""Finished runs for the tests of pages: made-up frames, and scores of them that scikit-learn computed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix, multilabel_confusion_matrix, precision_recall_fscore_support

from mabe_core.runs.directory import RunDirectory
from mabe_core.runs.record import Record
from mabe_core.runs.scores import Frames, Scores, Stretch, write_scores
from mabe_core.runs.study import Member, Study, write_study

CLASSES = ("attack", "investigation", "mount", "other")
TIME = "2026-11-23T10:00:00+00:00"


def made_frames(
    rng: np.random.Generator, frames: int, classes: int, *, exclusive: bool = True, bout: float = 40.0
) -> Frames:
    """Return bouts of some length, a prediction that is wrong now and then, and some frames without a label."""
    if not exclusive:
        parts = [made_frames(rng, frames, 2, bout=bout) for _ in range(classes)]
        columns = {
            name: np.stack([getattr(part, name)[:, 1] for part in parts], axis=1)
            for name in ("truth", "probability", "predicted")
        }
        return Frames(**columns)
    lengths = 1 + rng.geometric(1 / bout, size=frames)
    index = np.repeat(rng.integers(classes, size=frames), lengths)[:frames]
    noise = np.repeat(rng.normal(size=(frames, classes)), 1 + rng.geometric(0.2, size=frames), axis=0)[
        :frames
    ]
    logits = 1.6 * np.eye(classes)[index] + noise
    probability = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = np.eye(classes, dtype=np.int8)[index]
    truth[-frames // 20 :] = -1
    predicted = np.eye(classes, dtype=np.int8)[probability.argmax(axis=1)]
    return Frames(truth, probability.astype(np.float16), predicted)


def scored(name: str, frames: Frames, classes: int, *, exclusive: bool = True, start: int = 0) -> Stretch:
    """Return what is counted of a stretch."""
    known = (frames.truth >= 0).all(axis=1)
    of_each = multilabel_confusion_matrix(frames.truth[known], frames.predicted[known])
    counts = [[int(hits), int(false), int(missed)] for ((_, false), (missed, hits)) in of_each]
    confusion = None
    if exclusive:
        labelled = (frames.truth == 1).any(axis=1)
        pair = frames.truth[labelled].argmax(axis=1), frames.predicted[labelled].argmax(axis=1)
        confusion = confusion_matrix(*pair, labels=range(classes)).tolist()
    f1 = [2 * tp / max(2 * tp + fp + fn, 1) for tp, fp, fn in counts]
    return Stretch(
        recording=name,
        individuals=["m1", "m2"],
        fps=30.0,
        start=start,
        stop=start + len(frames.truth),
        counts=counts,
        confusion=confusion,
        scores={"macro_f1": float(np.mean(f1))},
    )


def pooled_f1(
    stretches: Sequence[Frames], classes: Sequence[str], *, exclusive: bool = True
) -> dict[str, float]:
    """Return macro-F1 and the F1 of each class over all labelled frames, by scikit-learn."""
    truth = np.concatenate([each.truth for each in stretches])
    predicted = np.concatenate([each.predicted for each in stretches])
    labelled = (truth >= 0).all(axis=1)
    f1 = precision_recall_fscore_support(truth[labelled], predicted[labelled], zero_division=0)[2]
    return {
        "macro_f1": float(f1.mean()),
        **{f"f1_{name}": float(v) for name, v in zip(classes, f1, strict=True)},
    }


def made_record(run_id: str, **changes: Any) -> Record:
    """Return the record of a finished run."""
    given: dict[str, Any] = {
        "id": run_id,
        "state": "finished",
        "started": TIME,
        "updated": TIME,
        "epoch": 8,
        "epochs": 8,
        "step": 80,
        "monitor": "macro_f1",
        "best": 0.6,
        "auto": {"device": "cpu", "precision": "float32", "class_names": list(CLASSES)},
        "software": {"torch": "2.13.0", "mabe-core": "0.1.0"},
        "machine": {"host": "secret-host", "cpu": "a processor", "cores": 2},
        "components": [
            {
                "kind": "model",
                "name": "transformer",
                "version": 1,
                "plugin": "transformer",
                "place": "built-in",
                "distribution": "mabe-core",
                "distribution_version": "0.1.0",
                "sources": {"torch_transformer.py": "ab" * 32},
            }
        ],
    }
    return Record(**{**given, **changes})


def made_run(
    runs_dir: Path,
    run_id: str,
    *,
    recordings: Sequence[str] = ("r1", "r2"),
    frames: int = 600,
    classes: Sequence[str] = CLASSES,
    exclusive: bool = True,
    seed: int = 0,
    bout: float = 40.0,
    part: str = "validation",
    **record: Any,
) -> RunDirectory:
    """Write a finished run with scores."""
    rng = np.random.default_rng(seed)
    run = RunDirectory(runs_dir / run_id)
    run.make()
    run.experiment.write_text(f"name: {run_id.rpartition('-')[0]}\nseed: {seed}\n", encoding="utf-8")
    values = 0.2 + 0.4 * (1 - np.exp(-np.arange(8) / 3)) + rng.normal(size=8) * 0.02
    for epoch, value in enumerate(values, start=1):
        losses = {"train_loss": 1.5 / epoch, "val_loss": 1.6 / epoch + rng.normal() * 0.02}
        run.append_epoch(
            {
                "epoch": epoch,
                "step": 10 * epoch,
                **losses,
                "learning_rate": 1e-3 / epoch,
                "val_macro_f1": value,
            }
        )
    each = [made_frames(rng, frames, len(classes), exclusive=exclusive, bout=bout) for _ in recordings]
    stretches = tuple(
        scored(name, those, len(classes), exclusive=exclusive)
        for name, those in zip(recordings, each, strict=True)
    )
    scores = Scores(
        checkpoint="step-00000070",
        model="cd" * 32,
        classes=list(classes),
        held_out=part,
        notice="",
        pooled={part: pooled_f1(each, classes, exclusive=exclusive)},
        stretches={part: stretches},
        frames="",
    )
    write_scores(run, scores, {part: each})
    made_record(run_id, **{"best": float(values.max()), **record}).save(run)
    return run


def made_study(
    runs_dir: Path,
    *,
    name: str = "rats",
    seeds: int = 3,
    recordings: Sequence[str] = ("r1", "r2"),
    **run: Any,
) -> Study:
    """Write a study of two models and some seeds, all of them finished."""
    members = []
    for number, model in enumerate(("transformer", "gru")):
        for seed in range(seeds):
            member = f"{name}-{number}{seed:09x}"
            made_run(runs_dir, member, recordings=recordings, seed=10 * number + seed, **run)
            members.append(Member(id=member, settings={"model": model, "seed": seed}))
    study = Study(
        id=f"{name}-0123456789",
        name=name,
        description="Which model suits the rats",
        axes=["model", "seed"],
        members=tuple(members),
        text=f"name: {name}\nstudy:\n  seeds: [0, 1, 2]\n",
    )
    write_study(runs_dir, study)
    return study
