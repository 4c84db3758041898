"""A model by itself: a folder laid out as a run directory is, each file's SHA-256 in entry.json."""

from __future__ import annotations

import getpass
import hashlib
import json
import platform
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from mabe_core.errors import UserError
from mabe_core.runs.checkpoints import MODEL, NAME
from mabe_core.runs.files import read_json, remove, sync_directory, temporary_name, write_synced, writing
from mabe_core.runs.names import PLUGIN_FILE, alike, is_safe
from mabe_core.runs.shape import known, misfits

FORMAT = 1
FILE = "entry.json"
# all that such a folder holds, whatever else an entry.json from somewhere else may name
_KNOWN = re.compile(
    r"experiment\.yaml|record\.json|scores\.json|post_processing\.json|README\.md|MODEL_CARD\.md|model\.onnx"
    rf"|{PLUGIN_FILE}"
    r"|checkpoints/step-[0-9]{8,12}/(model\.safetensors|state\.json)"
)


@attrs.frozen(kw_only=True)
class Entry:
    """What entry.json holds.

    run: the experiment id. checkpoint: its name; chosen: the word it was asked for by, such as best.
    model: SHA-256 of the weights. files: SHA-256 of each file, the weights included, by its path.
    scored: its score in words, such as `macro_f1 0.884 on test`; empty where it has none.
    name, version: in the registry; empty and 0 where it is not of one. by, host: who added it, and where.
    """

    run: str
    checkpoint: str
    chosen: str
    model: str
    files: dict[str, str]
    scored: str = ""
    name: str = ""
    version: int = 0
    added: str = ""
    by: str = ""
    host: str = ""


@attrs.frozen
class Contents:
    """What a folder is to hold; contents: by path, what entry.json tells the hashes of."""

    entry: Entry
    contents: Mapping[str, bytes]


def signed(entry: Entry, name: str, version: int, added: str) -> Entry:
    """Return the entry as one of the registry, by whoever runs this, here."""
    return attrs.evolve(entry, name=name, version=version, added=added, by=user_name(), host=platform.node())


def user_name() -> str:
    """Return who runs this, or nothing where the system does not tell."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""


def write_entry(folder: Path, entry: Entry, contents: Mapping[str, bytes]) -> None:
    """Write a folder that does not exist yet, or is empty; it appears whole or not at all."""
    temporary = temporary_name(folder)
    with writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        if temporary.exists():
            remove(temporary)
        for name, content in contents.items():
            file = temporary / name
            file.parent.mkdir(parents=True, exist_ok=True)
            write_synced(file, content)
        write_synced(temporary / FILE, entry_text(entry).encode())
        for place in (temporary, *(path for path in temporary.rglob("*") if path.is_dir())):
            sync_directory(place)
        temporary.rename(folder)
        sync_directory(folder.parent)


def entry_text(entry: Entry) -> str:
    """Return what entry.json holds."""
    return json.dumps({"format": FORMAT, **attrs.asdict(entry)}, indent=1, ensure_ascii=False) + "\n"


def read_entry(folder: Path) -> Entry:
    """Return a folder's entry; raise UserError where entry.json is missing or damaged."""
    return parse_entry(read_json(folder / FILE), str(folder / FILE))


def parse_entry(found: Any, place: str) -> Entry:
    """Return the entry that an entry.json holds; place: what an error calls it."""
    wrong = "it is missing, or not JSON"
    if isinstance(found, dict):
        unknown = found.get("format") != FORMAT
        wrong = f"of another format than {FORMAT}" if unknown else ", ".join(misfits(found, Entry))
        if not wrong:
            entry = Entry(**known(found, Entry))
            wrong = _inconsistent(entry)
            if not wrong:
                return entry
    raise UserError(f"{place} is damaged: {wrong}")


def faults(folder: Path, entry: Entry) -> list[str]:
    """Return what differs from the hashes of the entry: files that were changed, or are missing."""
    told = []
    for name, expected in entry.files.items():
        try:
            with (folder / name).open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            told.append(f"{folder / name} is missing")
            continue
        except OSError as error:
            told.append(f"{folder / name} cannot be read: {error.strerror}")
            continue
        if found != expected:
            told.append(f"{folder / name} was changed: SHA-256 {found[:10]}…, not {expected[:10]}…")
    return told


def _inconsistent(entry: Entry) -> str:
    foreign = [name for name in entry.files if not (_KNOWN.fullmatch(name) and is_safe(name))]
    if foreign:
        return f"it names what is no part of a model, {foreign[0]!r}"
    clash = alike(entry.files)
    if clash:
        return f"{clash[0]!r} and {clash[1]!r} are one file on some file systems"
    model = f"checkpoints/{entry.checkpoint}/{MODEL}"
    if not NAME.fullmatch(entry.checkpoint) or entry.files.get(model) != entry.model:
        return f"it lacks the SHA-256 of {MODEL}"
    lacking = {"experiment.yaml", "record.json"} - set(entry.files)
    return f"it lacks {', '.join(sorted(lacking))}" if lacking else ""
