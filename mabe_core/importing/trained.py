"""Makes a run of weights that were trained elsewhere: finished, scored, and told to be imported."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import torch

from mabe_core.data.fingerprint import partition_fingerprint
from mabe_core.data.report import import_report
from mabe_core.errors import Location, Problem, UserError
from mabe_core.exchange import DataAccess
from mabe_core.experiment import Experiment
from mabe_core.importing.matching import Matched, match
from mabe_core.importing.weights import SavedWeights
from mabe_core.registry import Registry
from mabe_core.runs.directory import RunDirectory
from mabe_core.runs.model_input import model_input
from mabe_core.runs.opening import open_run
from mabe_core.runs.record import Record
from mabe_core.training.assembling import auto_values
from mabe_core.training.events import EpochEnded, Observer, unobserved
from mabe_core.training.held_out import best_checkpoint, score_held_out
from mabe_core.training.inputs import prepare
from mabe_core.training.parts import build_parts, scores
from mabe_core.training.precision import find_precision
from mabe_core.training.reading import read_data
from mabe_core.training.saving import Saver
from mabe_core.training.scoring import Scorer, unchecked
from mabe_core.training.state import Progress
from mabe_core.training.step import PlainStep
from mabe_core.training.validation import counted, validate

# what a file may say of its model that its tensors do not show, and what the built-in transformer does
_FIXED = {"activation": "relu", "norm_first": False}


@attrs.frozen(eq=False)
class ImportedRun:
    """What was made: a finished run, and how the file's names became the model's."""

    run: RunDirectory
    record: Record
    matched: Matched


def import_run(
    weights: SavedWeights,
    experiment: Experiment,
    registry: Registry,
    runs_dir: Path,
    access: DataAccess,
    observe: Observer = unobserved,
) -> ImportedRun:
    """Put weights into an experiment's model, score it on the validation data, and keep it as a run.

    Raises UserError where they do not fit, the data is not there, or there is such a run already.
    """
    _check_settings(weights, experiment)
    opened = open_run(experiment, registry, runs_dir, access)
    if opened.state != "new":
        raise UserError(
            f"{opened.run.id} is there already, in {opened.run.path}: `--name NAME` imports it under another"
        )
    with opened.held():
        opened.refresh()
        device = torch.device("cpu")
        precision = find_precision(experiment.training.precision, device)
        dataset, partition = read_data(experiment, access)
        data = prepare(experiment.data, dataset, partition, dtype=precision.weights, device=device)
        parts = build_parts(experiment, data, dtype=precision.weights, device=device)
        step = PlainStep(parts, data, experiment.training.grad_clip, precision, device)
        matched = load_weights(parts.model, weights)
        record = opened.record
        record.partition = partition_fingerprint(dataset, partition)
        record.report = import_report(dataset, partition).as_dict()
        record.notice = " ".join(told for told in (partition.notice, data.notice) if told)
        record.auto = auto_values(step, data, device, precision)
        record.model_input = attrs.asdict(model_input(experiment.data, dataset, data.shape.input_names))
        record.imported = {
            "file": weights.file.name,
            "sha256": weights.sha256,
            "carried": [str(each) for each in matched.carried],
            "told": dict(weights.told),
        }
        line = _scored(step)
        score = line[f"val_{experiment.training.monitor}"]
        progress = Progress(parts.schedule.total_steps, torch.zeros((), dtype=torch.float64, device=device))
        progress.ranking = [{"score": score, "epoch": line["epoch"], "step": progress.step}]
        opened.keep()
        with Saver(opened.run, record, step, progress, experiment.checkpoint, observe) as save:
            save(EpochEnded(line, best=True))
        final = score_held_out(
            opened.run,
            experiment,
            best_checkpoint(opened.run),
            Scorer(parts.model, experiment.data, data.shape, device, precision.weights),
            dataset,
            partition,
            notice=partition.notice,
            observe=observe,
            check=unchecked,
        )
        record.held_out = final.pooled[final.held_out]
        record.attempts, record.state = 1, "finished"
        opened.save()
    return ImportedRun(opened.run, record, matched)


def load_weights(model: torch.nn.Module, weights: SavedWeights) -> Matched:
    """Put a file's tensors into a model; raise UserError, in one message, where they do not fit."""
    own = model.state_dict()
    buffers = frozenset(name for name, _ in model.named_buffers())
    try:
        matched = match(weights.tensors, own, buffers)
    except UserError as error:
        raise UserError(Problem(str(error), Location(str(weights.file)))) from error
    model.load_state_dict({**own, **matched.tensors})
    return matched


def _scored(step: PlainStep) -> dict[str, Any]:
    """Return the line of the last epoch, as training writes it."""
    began = time.monotonic()
    parts = step.parts
    evaluation = validate(step.forward, parts.model, parts.loss, step.data)
    return {
        "epoch": parts.schedule.epochs,
        "step": parts.schedule.total_steps,
        "train_loss": float("nan"),
        "learning_rate": 0.0,
        **{f"val_{name}": value for name, value in scores(parts, evaluation).items()},
        **counted(evaluation),
        "seconds": round(time.monotonic() - began, 3),
        "steps_per_second": 0.0,
    }


def _check_settings(weights: SavedWeights, experiment: Experiment) -> None:
    """Refuse what the file says of its model and the experiment's is not, where no tensor shows it."""
    problems = []
    asked = _settings(experiment)
    for key, said in weights.settings.items():
        if key in asked and asked[key] != said:
            problems.append(f"it was trained with {key} {said}, and the experiment has {asked[key]}")
        if key in _FIXED and experiment.model.name == "transformer":
            plain = said.casefold() if isinstance(said, str) else bool(said)
            if plain != _FIXED[key]:
                problems.append(f"it was trained with {key} {said}, which model transformer does not have")
    if problems:
        raise UserError(Problem(each, Location(str(weights.file))) for each in problems)


def _settings(experiment: Experiment) -> Mapping[str, Any]:
    """Return what the experiment says that no tensor shows: heads, and how windows are taken."""
    data = {"frame_gap": experiment.data.frame_gap, "sequence_length": experiment.data.sequence_length}
    heads = getattr(experiment.model.config, "num_heads", None)
    return data | ({"num_heads": heads} if heads is not None else {})
