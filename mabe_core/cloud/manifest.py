"""`manifest.json` in a run directory on a volume: size and SHA-256 of each file, for whoever pulls it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from mabe_core.runs.checkpoints import STATE, checkpoint_names, read_state
from mabe_core.runs.directory import RunDirectory
from mabe_core.runs.files import read_json, write_json
from mabe_core.runs.names import PLUGIN_FILE, alike, is_safe

FILE = "manifest.json"
# all that is brought from a volume, whatever else lies there
_KNOWN = re.compile(
    r"experiment\.yaml|record\.json|metrics\.jsonl|log\.txt|cloud\.json|best\.json|last\.json"
    r"|scores\.json|scores\.safetensors"
    rf"|{PLUGIN_FILE}"
    r"|tensorboard/events\.out\.tfevents\.[0-9]{10}\.[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}|mlflow\.json"
    r"|checkpoints/step-[0-9]{8,12}/(model\.safetensors|training\.safetensors|state\.json)"
)
# these grow while they are read: what was there when the manifest was written is checked
_GROWING = re.compile(r"metrics\.jsonl|log\.txt|tensorboard/.+")


@attrs.frozen
class FileHash:
    """What a file holds."""

    size: int
    sha256: str


def belongs(name: str) -> bool:
    """Tell whether a file of this name, with slashes, is part of a run."""
    return _KNOWN.fullmatch(name) is not None and is_safe(name)


def file_hash(path: Path) -> FileHash:
    """Return size and SHA-256 of a file."""
    with path.open("rb") as file:
        return FileHash(path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())


def grows(name: str) -> bool:
    """Tell whether a file may have become longer since the manifest was written."""
    return _GROWING.fullmatch(name) is not None


def same_content(path: Path, expected: FileHash) -> bool:
    """Tell whether a file is there and holds what is expected."""
    try:
        return path.stat().st_size == expected.size and file_hash(path) == expected
    except OSError:
        return False


def write_manifest(run: RunDirectory) -> None:
    """Write what a run directory holds now; the hashes of checkpoints' tensors are those that they name."""
    found = {}
    for path in sorted(run.path.rglob("*")):
        name = path.relative_to(run.path).as_posix()
        tensors = name.startswith("checkpoints/") and name.endswith(".safetensors")
        if belongs(name) and not tensors and path.is_file():
            found[name] = file_hash(path)
    for checkpoint in checkpoint_names(run.checkpoints):
        folder = run.checkpoints / checkpoint
        if f"checkpoints/{checkpoint}/{STATE}" in found:
            for name, sha256 in read_state(folder)["sha256"].items():
                path = folder / name
                found[f"checkpoints/{checkpoint}/{name}"] = FileHash(path.stat().st_size, sha256)
    write_json(run.path / FILE, {"files": {name: attrs.asdict(told) for name, told in found.items()}})


def parse_manifest(told: Any) -> dict[str, FileHash] | None:
    """Return the files that a manifest names, less what is no part of a run; None where it is damaged."""
    files = told.get("files") if isinstance(told, Mapping) else None
    if not isinstance(files, Mapping):
        return None
    found = {}
    for name, entry in files.items():
        if not isinstance(name, str) or not belongs(name):
            continue
        if not isinstance(entry, Mapping) or set(entry) != {"size", "sha256"}:
            return None
        if type(entry["size"]) is not int or not re.fullmatch(r"[0-9a-f]{64}", str(entry["sha256"])):
            return None
        found[name] = FileHash(entry["size"], entry["sha256"])
    return None if alike(found) else found


def read_manifest(file: Path) -> dict[str, FileHash]:
    """Return the files that a manifest here names; none where there is no whole one."""
    return parse_manifest(read_json(file)) or {}
