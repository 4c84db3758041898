"""Loads trained models, by a name of the registry, an id of a run or a study, or a folder."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path

from mabe_core.errors import UserError
from mabe_core.experiment import Experiment
from mabe_core.inference.member import Member
from mabe_core.inference.model import Model
from mabe_core.models.building import build_model, read_experiment
from mabe_core.models.finding import ModelSource, default_models_dir, find_model, find_study
from mabe_core.registry import Registry
from mabe_core.runs.checkpoints import read_pointer
from mabe_core.runs.identity import providers
from mabe_core.runs.model_input import ModelInput, read_model_input
from mabe_core.runs.post_processing import FILE as FITTED
from mabe_core.runs.post_processing import read_post_processing
from mabe_core.runs.record import Record, read_record
from mabe_core.training.post_processing import Chain, build_chain
from mabe_core.training.scoring import Scorer
from mabe_core.trust import trust as agree


def load_model(
    reference: str | Path,
    *,
    runs_dir: str | Path | None = None,
    models_dir: str | Path | None = None,
    device: str = "auto",
    trust: Sequence[str] = (),
) -> Model:
    """Load a trained model, or the models of a study, whose probabilities are then averaged.

    reference: `name@alias` or `name@3` of the registry, the id of a run or a study or its beginning, or a
    folder: a run directory or an export. runs_dir, models_dir: by default $MABE_RUNS or ./runs, $MABE_MODELS
    or ./models. device: auto, cpu, cuda or cuda:N.
    trust: SHA-256 of plugin files that lie beside the weights and that you agree to run; models that were
    trained here need none. Raises UserError where there is no such model, what it needs is missing or was
    changed, or a plugin file was not agreed to; warns of what should be known of it.
    """
    for sha256 in trust:
        agree(sha256, "agreed to in Python")
    runs = Path(runs_dir or os.environ.get("MABE_RUNS") or "runs")
    models = Path(models_dir) if models_dir else default_models_dir()
    model = open_model(str(reference), runs, models, device=device)
    for note in model.notes:
        warnings.warn(note, stacklevel=2)
    return model


def open_model(reference: str, runs_dir: Path, models_dir: Path, *, device: str = "auto") -> Model:
    """Load a model as `load_model` does; what should be known of it is in its notes."""
    study = find_study(reference, runs_dir, models_dir)
    if study is None:
        source = find_model(reference, runs_dir, models_dir)
        member = load_member(source, device)
        return Model.of(source.told, (member,), (*source.notes, *member.notes))
    trained: list[str] = []
    missing: list[str] = []
    for run in study.runs(runs_dir):
        (trained if read_pointer(run.best) else missing).append(run.id)
    if not trained:
        raise UserError(f"no member of {study.id} is trained yet: `mabe-run --resume {study.id}` goes on")
    sources = [find_model(run, runs_dir, models_dir) for run in trained]
    notes = [note for source in sources for note in source.notes]
    if missing:
        notes.append(f"{len(missing)} of the {len(study.members)} members of {study.id} are not trained yet")
    members = tuple(load_member(source, device) for source in sources)
    notes += dict.fromkeys(note for member in members for note in member.notes)
    return Model.of(f"{study.id}, the mean of {len(members)} models", members, tuple(notes))


def load_member(source: ModelSource, device: str, expects: ModelInput | None = None) -> Member:
    """Load one model; expects: what it was trained on, where its record does not tell."""
    built = build_model(source, device, expects)
    scorer = Scorer(built.module, built.experiment.data, built.shape, built.device, built.dtype)
    chain, notes = _chain(source, built.experiment, built.expects)
    notes += _other_versions(built.experiment, built.registry, built.record)
    return Member(source, built.experiment, built.record, built.expects, scorer, chain, tuple(notes))


def load_chain(source: ModelSource) -> tuple[Chain, list[str]]:
    """Return the post-processing of a model that is not loaded itself, and its notes."""
    experiment, _ = read_experiment(source)
    record = read_record(source.run)
    expects = read_model_input(record.model_input) if record else None
    if not experiment.post_processing or expects is None:
        return Chain(), []
    return _chain(source, experiment, expects)


def _chain(source: ModelSource, experiment: Experiment, expects: ModelInput) -> tuple[Chain, list[str]]:
    """Return a model's post-processing, and what is to be told where it has none that is fitted."""
    components = experiment.post_processing
    if not components:
        return Chain(), []
    folder, names = source.run.path, [each.name for each in components]
    fitted = read_post_processing(folder, source.sha256, names)
    if fitted is not None:
        return build_chain(components, expects.data_shape(), fitted), []
    why = "was fitted to another checkpoint" if (folder / FITTED).exists() else "is fitted when a run ends"
    return Chain(), [f"{source.told} is used without post-processing ({', '.join(names)}), which {why}"]


def _other_versions(experiment: Experiment, registry: Registry, record: Record) -> list[str]:
    trained = {(item["kind"], item["name"]): item.get("version") for item in record.components}
    return [
        f"{offer.spec.kind} {offer.spec.name} is version {offer.spec.version} here, was "
        f"{trained[offer.key]} when {record.id} was trained: results may differ"
        for offer in providers(experiment, registry)
        if trained.get(offer.key, offer.spec.version) != offer.spec.version
    ]
