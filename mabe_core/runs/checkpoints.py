"""Checkpoints: tensors in safetensors, the rest in JSON, each file with its SHA-256; no pickle.

A checkpoint is a folder that is renamed into place once everything in it is flushed. `state.json` is
written last; a folder without it, whose state is not as it was sealed, or whose files differ from the hashes
in it, does not count as one.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from mabe_core.errors import RunError
from mabe_core.runs.files import read_json, remove, sync_directory, temporary_name, write_synced, writing
from mabe_core.runs.seal import is_sealed, seal

if TYPE_CHECKING:
    from torch import Tensor

# 1 had no seal
FORMAT = 2
MODEL = "model.safetensors"
TRAINING = "training.safetensors"
STATE = "state.json"
NAME = re.compile(r"step-(\d{8,})")


@attrs.frozen(eq=False)
class Checkpoint:
    """What is saved: the model's tensors, the tensors of everything else, and plain values."""

    model: Mapping[str, Tensor]
    training: Mapping[str, Tensor]
    state: Mapping[str, Any]

    @property
    def name(self) -> str:
        return f"step-{self.state['step']:08d}"


class DamagedCheckpointError(RunError):
    """A checkpoint that is not what was written."""


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> Path:
    """Write a checkpoint into the folder of checkpoints; return its own folder.

    A whole one of the same step is let be: it is of the same run, and readers would miss it while it is
    replaced. Raises RunError where it cannot be written; nothing of it is left then.
    """
    from safetensors.torch import save

    final = folder / checkpoint.name
    if final.exists() and _is_whole(final):
        return final
    temporary = temporary_name(final)
    damaged = temporary.with_suffix(".damaged")
    contents = {MODEL: save(dict(checkpoint.model)), TRAINING: save(dict(checkpoint.training))}
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    contents[STATE] = seal({"format": FORMAT, **checkpoint.state, "sha256": hashes}, default=_number)
    with writing(final, sum(map(len, contents.values()))):
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(damaged, ignore_errors=True)
        try:
            temporary.mkdir()
            for name, content in contents.items():
                write_synced(temporary / name, content)
            sync_directory(temporary)
            if final.exists():
                final.rename(damaged)
            temporary.rename(final)
        except OSError:
            shutil.rmtree(temporary, ignore_errors=True)  # a full disk has room for the record again
            raise
        sync_directory(folder)
    shutil.rmtree(damaged, ignore_errors=True)
    return final


def _is_whole(folder: Path) -> bool:
    try:
        read_checkpoint(folder)
    except DamagedCheckpointError:
        return False
    return True


def read_checkpoint(folder: Path) -> Checkpoint:
    """Read and verify one checkpoint; raise DamagedCheckpointError naming the file that is wrong."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    state = read_state(folder)
    contents = {}
    for name, expected in state["sha256"].items():
        try:
            contents[name] = (folder / name).read_bytes()
        except FileNotFoundError as error:
            raise DamagedCheckpointError(f"{folder / name} is missing") from error
        except OSError as error:
            raise DamagedCheckpointError(f"{folder / name} cannot be read: {error.strerror}") from error
        found = hashlib.sha256(contents[name]).hexdigest()
        if found != expected:
            raise DamagedCheckpointError(
                f"{folder / name} is damaged: SHA-256 {found[:10]}…, not {expected[:10]}…"
            )
    try:
        tensors = {name: load(content) for name, content in contents.items()}
    except SafetensorError as error:
        raise DamagedCheckpointError(f"{folder} is damaged: {error}") from error
    return Checkpoint(model=tensors[MODEL], training=tensors[TRAINING], state=state)


def read_state(folder: Path) -> dict[str, Any]:
    """Return a checkpoint's plain values without reading its tensors."""
    file = folder / STATE
    try:
        content = file.read_bytes()
        state = json.loads(content)
    except FileNotFoundError as error:
        raise DamagedCheckpointError(f"{file} is missing") from error
    except OSError as error:
        raise DamagedCheckpointError(f"{file} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise DamagedCheckpointError(f"{file} is damaged: {error}") from error
    if not isinstance(state, dict) or state.get("format") not in (1, FORMAT):
        raise DamagedCheckpointError(f"{file} is of another format than {FORMAT}")
    if not is_sealed(content) and (state["format"] == FORMAT or "seal" in state):
        raise DamagedCheckpointError(f"{file} is damaged: it is not as it was sealed")
    hashes = state.get("sha256")
    if (
        not isinstance(hashes, dict)
        or set(hashes) != {MODEL, TRAINING}
        or not all(isinstance(each, str) for each in hashes.values())
    ):
        raise DamagedCheckpointError(f"{file} is damaged: it lacks the SHA-256 of {MODEL} and {TRAINING}")
    if type(state.get("step")) is not int or f"step-{state['step']:08d}" != folder.name:
        raise DamagedCheckpointError(f"{file} is damaged: it is not the state of {folder.name}")
    return state


def read_pointer(file: Path) -> dict[str, Any] | None:
    """Return what best.json or last.json holds: `checkpoint`, `epoch`, `step`, and more; None if damaged."""
    found = read_json(file)
    if not isinstance(found, dict) or {type(found.get(name)) for name in ("epoch", "step")} != {int}:
        return None
    name = found.get("checkpoint")
    return found if isinstance(name, str) and NAME.fullmatch(name) else None


def checkpoint_names(folder: Path) -> list[str]:
    """Return the names of the checkpoints in a folder, the newest first."""
    if not folder.is_dir():
        return []
    found = {entry.name: match for entry in folder.iterdir() if (match := NAME.fullmatch(entry.name))}
    return sorted(found, key=lambda name: int(found[name][1]), reverse=True)


def newest_checkpoint(folder: Path) -> tuple[Checkpoint | None, list[str]]:
    """Return the newest whole checkpoint, or None, and what was wrong with each newer one.

    One that was deleted after it was listed is no damage: there are newer ones then, so it looks again.
    """
    while True:
        names = checkpoint_names(folder)
        damage: list[str] = []
        for name in names:
            try:
                return read_checkpoint(folder / name), damage
            except DamagedCheckpointError as error:
                damage.append(str(error))
                if not (folder / name).exists():
                    break
        else:
            return None, damage


def prune(folder: Path, keep: Iterable[str]) -> None:
    """Delete the checkpoints that are not to be kept, and what unfinished writes left.

    Each is renamed first, so that no reader finds one that is half deleted.
    """
    kept = set(keep)
    with writing(folder):
        for entry in sorted(folder.iterdir()):  # leftovers, whose names begin with a dot, first
            if NAME.fullmatch(entry.name) and entry.name not in kept:
                remove(entry.rename(temporary_name(entry)))
            elif entry.name.startswith(".step-"):
                remove(entry)


def _number(value: Any) -> Any:
    """Return the plain number of a numpy or torch one, such as an optimizer may keep in its groups."""
    if callable(getattr(value, "item", None)):
        return value.item()
    raise TypeError(f"{value!r} cannot be saved as JSON")
