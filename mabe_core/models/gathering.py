"""Reads what a model needs out of a run directory, the weights checked."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from mabe_core.errors import UserError
from mabe_core.models.entry import Contents, Entry
from mabe_core.runs.checkpoints import (
    MODEL,
    STATE,
    DamagedCheckpointError,
    checkpoint_names,
    read_pointer,
    read_state,
)
from mabe_core.runs.directory import RunDirectory
from mabe_core.runs.post_processing import FILE as FITTED
from mabe_core.runs.record import Record, read_record
from mabe_core.runs.scores import Scores, read_scores


def gather(run: RunDirectory, chosen: str) -> Contents:
    """Read what a model needs out of a run directory, the weights checked; chosen: best, last or step-….

    Raises UserError where the run has no such checkpoint, or it is damaged.
    """
    record = read_record(run)
    if record is None:
        raise UserError(f"{run.path} is no run: it has no record.json")
    checkpoint = chosen_checkpoint(run, chosen)
    folder = f"checkpoints/{checkpoint}"
    contents = {
        name: _content(run.path / name, run)
        for name in ("experiment.yaml", "record.json", f"{folder}/{STATE}", f"{folder}/{MODEL}")
    }
    for file in sorted(run.plugins.glob("*.py")) if run.plugins.is_dir() else []:
        contents[f"plugins/{file.name}"] = _content(file, run)
    model = hashlib.sha256(contents[f"{folder}/{MODEL}"]).hexdigest()
    if model != _told_hash(run, checkpoint):
        raise UserError(f"{run.checkpoints / checkpoint / MODEL} is damaged: it is not what was saved")
    scores = matching_scores(run, checkpoint, model)
    if scores is not None:
        contents["scores.json"] = _content(run.scores, run)
    if (run.path / FITTED).exists():  # it names the weights that it was fitted to
        contents[FITTED] = _content(run.path / FITTED, run)
    entry = Entry(
        run=record.id,
        checkpoint=checkpoint,
        chosen=chosen,
        model=model,
        files=_hashes(contents),
        scored=scored_words(run, record, checkpoint, scores),
    )
    return Contents(entry, contents)


def scored_words(run: RunDirectory, record: Record, checkpoint: str, scores: Scores | None) -> str:
    """Return the score of a checkpoint, such as `macro_f1 0.884 on test`; empty where it has none."""
    if scores is not None:
        score = scores.pooled.get(scores.held_out, {}).get(record.monitor)
        return "" if score is None else f"{record.monitor} {score:.3f} on {scores.held_out}"
    best = read_pointer(run.best)
    if best is None or best["checkpoint"] != checkpoint or record.best is None:
        return ""
    return f"{record.monitor} {record.best:.3f} on validation"


def matching_scores(run: RunDirectory, checkpoint: str, model: str) -> Scores | None:
    """Return a run's final scores where they are those of this checkpoint; None where they are not there."""
    scores = read_scores(run)
    return scores if scores and (scores.checkpoint, scores.model) == (checkpoint, model) else None


def chosen_checkpoint(run: RunDirectory, chosen: str) -> str:
    """Return the name of the checkpoint that a word means: best, last or such as step-10000."""
    there = checkpoint_names(run.checkpoints)
    if chosen in ("best", "last"):
        pointer = read_pointer(run.best if chosen == "best" else run.last)
        if pointer is None:
            raise UserError(f"{run.id} has no {chosen} checkpoint yet")
        name = str(pointer["checkpoint"])
        if name not in there:
            raise UserError(
                f"the {chosen} checkpoint of {run.id}, {name}, is not in {run.checkpoints}: it was removed, "
                f"or not brought here (`mabe pull {run.id}` brings what is in the cloud)"
            )
    else:
        match = re.fullmatch(r"step-(\d{1,12})", chosen)
        name = f"step-{int(match[1]):08d}" if match else chosen
    if name not in there:
        words = ", ".join(["best", "last", *there])
        raise UserError(f"{run.id} has no checkpoint {chosen!r} here; there are: {words}")
    return name


def _told_hash(run: RunDirectory, checkpoint: str) -> str:
    try:
        return str(read_state(run.checkpoints / checkpoint)["sha256"][MODEL])
    except DamagedCheckpointError as error:
        raise UserError(str(error)) from error


def _content(file: Path, run: RunDirectory) -> bytes:
    """Read a file of a run, which may have come from anywhere and is then handed on."""
    try:
        if not file.resolve(strict=True).is_relative_to(run.path.resolve()):
            raise UserError(f"{file} is a link that leads out of the run: put the file itself there")
        return file.read_bytes()
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}") from error


def _hashes(contents: Mapping[str, bytes]) -> dict[str, str]:
    return {name: hashlib.sha256(contents[name]).hexdigest() for name in sorted(contents)}
