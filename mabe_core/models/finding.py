"""What a reference to a trained model leads to: a name of the registry, a run, or a folder.

    find_model(reference, runs_dir, models_dir) -> ModelSource

`rats@best`, `rats@3` and `rats` are looked up in the registry, in this order of meaning: a name alone is its
alias `best`, else its newest version. Anything else is the beginning of a run's id, or the path of a folder:
an exported model, an entry of a registry, or a run directory.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import attrs

from mabe_core.errors import UserError
from mabe_core.models.entry import FILE, faults, read_entry
from mabe_core.models.folder import ModelFolder
from mabe_core.models.gathering import chosen_checkpoint
from mabe_core.models.history import Reference
from mabe_core.runs.checkpoints import MODEL, DamagedCheckpointError, read_state
from mabe_core.runs.directory import RunDirectory
from mabe_core.runs.record import read_record
from mabe_core.runs.study import Study, find


@attrs.frozen(kw_only=True)
class ModelSource:
    """A trained model on disk.

    reference: as it was asked for. told: what it is, such as `rats@3 (best), run tiny-0123456789`.
    run: a folder laid out like a run directory: experiment.yaml, record.json, plugins/, checkpoints/, and
    scores.json where there are scores; its `id` is the folder's name, while `run_id` is the experiment's.
    checkpoint: the name of the checkpoint in it; sha256: of its model.safetensors.
    notes: what is to be told to whoever uses it. name: such as `rats@3`, and description: of the registry.
    scored: its score in words, where an entry tells.
    """

    reference: str
    told: str
    run: RunDirectory
    run_id: str
    checkpoint: str
    sha256: str
    notes: tuple[str, ...] = ()
    name: str = ""
    description: str = ""
    scored: str = ""

    @property
    def folder(self) -> Path:
        return self.run.path

    @property
    def checkpoint_folder(self) -> Path:
        return self.run.checkpoints / self.checkpoint

    def read_model(self) -> bytes:
        """Return the weights, safetensors; raise UserError where they are not those that were found."""
        file = self.checkpoint_folder / MODEL
        try:
            content = file.read_bytes()
        except OSError as error:
            raise UserError(f"{file} cannot be read: {error.strerror}") from error
        found = hashlib.sha256(content).hexdigest()
        if found != self.sha256:
            raise UserError(f"{file} was changed: SHA-256 {found[:10]}…, not {self.sha256[:10]}…")
        return content


def default_models_dir() -> Path:
    """Return where the registry is kept: $MABE_MODELS, else ./models."""
    return Path(os.environ.get("MABE_MODELS") or "models")


def find_model(reference: str, runs_dir: Path, models_dir: Path, *, checkpoint: str = "best") -> ModelSource:
    """Return what a reference leads to; of a run this checkpoint, of a running one the best so far.

    Raises UserError where there is none such, it is a study, or a file is missing or was changed.
    """
    path = Path(reference)
    if any(mark in reference for mark in (os.sep, "/")) or reference in (".", ".."):
        return _in_folder(reference, path, checkpoint)
    models = ModelFolder(models_dir)
    if "@" in reference or reference in models.names():
        _check_one(reference, checkpoint)
        return _registered(reference, models)
    try:
        found = find(runs_dir, reference)
    except UserError as error:
        if path.is_dir():
            return _in_folder(reference, path, checkpoint)
        told = str(error).rstrip(".")
        raise UserError(
            f"{told}; and no model in {models} is named so, and there is no such folder here. A run in the "
            f"cloud is brought by `mabe pull {reference}`"
        ) from error
    if isinstance(found, Study):
        members = ", ".join(member.id for member in found.members[:3])
        more = ", …" if len(found.members) > 3 else ""
        several = "s" if len(found.members) != 1 else ""
        raise UserError(
            f"{found.id} is a study of {len(found.members)} run{several}: name one of them "
            f"({members}{more}), or keep the best: `mabe models add {found.id} --name NAME`"
        )
    return _of_run(reference, found, checkpoint)


def find_study(reference: str, runs_dir: Path, models_dir: Path) -> Study | None:
    """Return the study that a reference leads to, if it is one."""
    if "@" in reference or os.sep in reference or (models_dir / reference).is_dir():
        return None
    try:
        found = find(runs_dir, reference)
    except UserError:
        return None  # find_model says what is wrong
    return found if isinstance(found, Study) else None


def _check_one(reference: str, checkpoint: str) -> None:
    if checkpoint != "best":
        raise UserError(f"{reference} is one checkpoint, of which there is no {checkpoint!r}: name the run")


def _registered(reference: str, models: ModelFolder) -> ModelSource:
    asked = Reference.parse(reference)
    names = models.read(asked.name)
    version = asked.find(names)
    folder = models.entry(asked.name, version.number)
    source = _in_entry(reference, folder)
    if source.sha256 != version.model:
        raise UserError(
            f"{folder} is not what was added as {asked.name}@{version.number}: its entry was changed"
        )
    aliases = ", ".join(names.aliases_of(version.number))
    also = f" ({aliases})" if aliases else ""
    name = f"{asked.name}@{version.number}"
    return attrs.evolve(
        source, told=f"{name}{also}, run {version.run}", name=name, description=version.description
    )


def _in_folder(reference: str, folder: Path, chosen: str) -> ModelSource:
    if (folder / FILE).exists():
        _check_one(reference, chosen)
        return _in_entry(reference, folder)
    run = RunDirectory(folder)
    if not run.record.exists():
        what = "holds no model: neither entry.json nor record.json" if folder.is_dir() else "is no folder"
        raise UserError(f"{folder} {what}")
    return _of_run(reference, run, chosen)


def _in_entry(reference: str, folder: Path) -> ModelSource:
    entry = read_entry(folder)
    wrong = faults(folder, entry)
    if wrong:
        raise UserError("; ".join(wrong) + ". What was added is pinned by its hashes: add or pull it again")
    return ModelSource(
        reference=reference,
        told=f"{folder}, run {entry.run}",
        run=RunDirectory(folder),
        run_id=entry.run,
        checkpoint=entry.checkpoint,
        sha256=entry.model,
        name=f"{entry.name}@{entry.version}" if entry.name else "",
        scored=entry.scored,
    )


def _of_run(reference: str, run: RunDirectory, chosen: str) -> ModelSource:
    record = read_record(run)
    if record is None:
        raise UserError(f"{run.path} has not begun: it has no record.json")
    checkpoint = chosen_checkpoint(run, chosen)
    try:
        sha256 = str(read_state(run.checkpoints / checkpoint)["sha256"][MODEL])
    except DamagedCheckpointError as error:
        raise UserError(str(error)) from error
    unfinished = f"{record.id} is {record.state}: this is its {chosen} checkpoint so far ({checkpoint})"
    return ModelSource(
        reference=reference,
        told=f"run {record.id}, {checkpoint}",
        run=run,
        run_id=record.id,
        checkpoint=checkpoint,
        sha256=sha256,
        notes=() if record.state == "finished" else (unfinished,),
    )
