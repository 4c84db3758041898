"""Checkpoints: tensors in safetensors, the rest in JSON, each file with its SHA-256; no pickle.

A checkpoint is a folder that is renamed into place once everything in it is flushed. `state.json` is
written last; a folder without it, or whose files differ from the hashes in it, does not count as one.
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

if TYPE_CHECKING:
    from torch import Tensor

FORMAT = 1
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
    """Write a checkpoint into the folder of checkpoints; return its own folder."""
    from safetensors.torch import save

    final = folder / checkpoint.name
    temporary = temporary_name(final)
    replaced = temporary.with_suffix(".replaced")
    contents = {MODEL: save(dict(checkpoint.model)), TRAINING: save(dict(checkpoint.training))}
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    state = {"format": FORMAT, **checkpoint.state, "sha256": hashes}
    with writing(final):
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(replaced, ignore_errors=True)
        temporary.mkdir(parents=True)
        for name, content in contents.items():
            write_synced(temporary / name, content)
        write_synced(temporary / STATE, json.dumps(state, indent=1, default=_number).encode())
        sync_directory(temporary)
        if final.exists():
            final.rename(replaced)
        temporary.rename(final)
        sync_directory(folder)
        shutil.rmtree(replaced, ignore_errors=True)
    return final


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
        state = json.loads(file.read_bytes())
    except FileNotFoundError as error:
        raise DamagedCheckpointError(f"{file} is missing") from error
    except OSError as error:
        raise DamagedCheckpointError(f"{file} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise DamagedCheckpointError(f"{file} is damaged: {error}") from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise DamagedCheckpointError(f"{file} is of another format than {FORMAT}")
    hashes = state.get("sha256")
    if not isinstance(hashes, dict) or set(hashes) != {MODEL, TRAINING}:
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
    """Return the newest whole checkpoint, or None, and what was wrong with each newer one."""
    damage: list[str] = []
    for name in checkpoint_names(folder):
        try:
            return read_checkpoint(folder / name), damage
        except DamagedCheckpointError as error:
            damage.append(str(error))
    return None, damage


def prune(folder: Path, keep: Iterable[str]) -> None:
    """Delete the checkpoints that are not to be kept, and what unfinished writes left."""
    kept = set(keep)
    with writing(folder):
        for entry in folder.iterdir():
            unfinished = entry.name.startswith(".step-")
            if unfinished or (NAME.fullmatch(entry.name) and entry.name not in kept):
                remove(entry)


def _number(value: Any) -> Any:
    """Return the plain number of a numpy or torch one, such as an optimizer may keep in its groups."""
    if callable(getattr(value, "item", None)):
        return value.item()
    raise TypeError(f"{value!r} cannot be saved as JSON")
