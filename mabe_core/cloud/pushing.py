"""Brings a data folder to a volume's `data/`: only what is missing there, and nothing over what differs."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import attrs

from mabe_core.cloud.manifest import FileHash, file_hash
from mabe_core.cloud.service import Entry, Files
from mabe_core.errors import UserError

# files go together until they are so many, or hold so many bytes; what has arrived stays if the rest does not
BATCH_FILES, BATCH_BYTES = 200, 256 * 2**20
# SHA-256 of what was pushed, beside the data and no part of it
HASHES = "data/.pushed"
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")


@attrs.frozen
class DataFolder:
    """A data folder on a volume."""

    name: str
    files: int
    size: int


@attrs.frozen
class Pushed:
    """What was sent, and what was there already or left out."""

    name: str
    sent: int
    size: int
    present: int
    hidden: int


def push(files: Files, folder: Path, name: str, *, force: bool, told: Callable[[int, int], None]) -> Pushed:
    """Send a folder's files to `data/<name>`; told: bytes sent so far and in all.

    Raises UserError where the volume has files of the same names and other content, unless `force`.
    """
    if not NAME.fullmatch(name):
        raise UserError(f"data is named by letters, digits, _ - and ., not {name!r}: give a NAME")
    here, hidden = _files_below(folder)
    if not here:
        raise UserError(f"there is no file in {folder}")
    hashes = {path: file_hash(file) for path, file in here.items()}
    known = _known(files, name)
    there = {entry.path.removeprefix(f"data/{name}/"): entry.size for entry in _listed(files, name)}
    differing = [path for path, expected in hashes.items() if _differs(path, expected, there, known)]
    if differing and not force:
        raise UserError(
            f"data/{name} on the volume has other content in {_some(differing)}. Runs may have been made "
            "with it: give the data another NAME, or `--force` to replace it"
        )
    missing = [path for path in here if path not in there or known.get(path) != hashes[path]]
    total = sum(hashes[path].size for path in missing)
    sent = 0
    for batch in _batches(missing, hashes):
        files.upload([(here[path], f"data/{name}/{path}") for path in batch], replace=True)
        known = {**known, **{path: hashes[path] for path in batch}}
        text = json.dumps({path: attrs.asdict(known[path]) for path in sorted(known)})
        files.upload([(text.encode(), f"{HASHES}/{name}.json")], replace=True)
        sent += sum(hashes[path].size for path in batch)
        told(sent, total)
    return Pushed(name, len(missing), total, len(here) - len(missing), hidden)


def data_folders(files: Files) -> list[DataFolder]:
    """Return the data folders of a volume, sorted by name."""
    found: dict[str, list[int]] = {}
    for entry in files.list("data", recursive=True):
        parts = entry.path.split("/")
        if len(parts) > 1 and not parts[1].startswith("."):
            sizes = found.setdefault(parts[1], [])
            if not entry.is_folder:
                sizes.append(entry.size)
    return [DataFolder(name, len(sizes), sum(sizes)) for name, sizes in sorted(found.items())]


def _files_below(folder: Path) -> tuple[dict[str, Path], int]:
    """Return regular files by their path below a folder, and how many hidden ones are left out."""
    found: dict[str, Path] = {}
    hidden = 0
    for place, folders, names in os.walk(folder):
        hidden += sum(name.startswith(".") for name in (*names, *folders))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            file = Path(place, name)
            if not name.startswith(".") and file.is_file():
                found[file.relative_to(folder).as_posix()] = file
    return found, hidden


def _listed(files: Files, name: str) -> list[Entry]:
    return [entry for entry in files.list(f"data/{name}", recursive=True) if not entry.is_folder]


def _known(files: Files, name: str) -> dict[str, FileHash]:
    content = files.read(f"{HASHES}/{name}.json")
    try:
        told = json.loads(content) if content else {}
        return {path: FileHash(entry["size"], entry["sha256"]) for path, entry in told.items()}
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}  # then all is sent again; of blocks that are there, nothing is


def _differs(path: str, expected: FileHash, there: Mapping[str, int], known: Mapping[str, FileHash]) -> bool:
    if path not in there:
        return False
    return there[path] != expected.size or (path in known and known[path] != expected)


def _batches(paths: Sequence[str], hashes: Mapping[str, FileHash]) -> list[list[str]]:
    batches: list[list[str]] = []
    room = (0, 0)
    for path in paths:
        size = hashes[path].size
        if not batches or room[0] == 0 or room[1] < size:
            batches.append([])
            room = (BATCH_FILES, BATCH_BYTES)
        batches[-1].append(path)
        room = (room[0] - 1, max(room[1] - size, 0))
    return batches


def _some(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - 5} more" if len(paths) > 5 else ""
    return f"{', '.join(paths[:5])}{more}"
