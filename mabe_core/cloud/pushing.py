"""Brings a data folder to a volume's `data/`: only what is missing there, and nothing over what differs."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import attrs

from mabe_core.cloud.manifest import FileHash, file_hash, same_content
from mabe_core.cloud.service import Entry, Files
from mabe_core.errors import Location, Problem, UserError

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
    """What was sent, and what was there already.

    left_out: hidden files, and what is no file, such as a broken link. only_there: files on the volume that
    are not here.
    """

    name: str
    sent: int
    size: int
    present: int
    left_out: int
    only_there: int


def push(files: Files, folder: Path, name: str, *, force: bool, told: Callable[[int, int], None]) -> Pushed:
    """Send a folder's files to `data/<name>`; told: bytes sent so far and in all.

    Raises UserError where the volume has files of the same names and other content, unless `force`, and where
    a file cannot be read.
    """
    if not NAME.fullmatch(name):
        raise UserError(f"data is named by letters, digits, _ - and ., not {name!r}: give a NAME")
    here, left_out = _files_below(folder)
    if not here:
        raise UserError(f"there is no file in {folder}")
    hashes = {path: _hash_here(file) for path, file in here.items()}
    there = {entry.path.removeprefix(f"data/{name}/"): entry.size for entry in _listed(files, name)}
    known = _known(files, name)
    same = {path for path in here if path in there and _same_there(files, name, path, there, known, hashes)}
    differing = [path for path in here if path in there and path not in same]
    if differing and not force:
        raise UserError(
            f"data/{name} on the volume has other content in {_some(differing)}. Runs may have been made "
            "with it: give the data another NAME, or `--force` to replace it"
        )
    missing = [path for path in here if path not in same]
    total = sum(hashes[path].size for path in missing)
    sent = 0
    known |= {path: hashes[path] for path in same}
    for batch in _batches(missing, hashes):
        files.upload([(here[path], f"data/{name}/{path}") for path in batch], replace=True)
        known |= {path: hashes[path] for path in batch}
        text = json.dumps({path: attrs.asdict(known[path]) for path in sorted(known)})
        files.upload([(text.encode(), f"{HASHES}/{name}.json")], replace=True)
        sent += sum(hashes[path].size for path in batch)
        told(sent, total)
    return Pushed(name, len(missing), total, len(same), left_out, len(set(there) - set(here)))


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
    """Return files by their path below a folder, linked folders followed; and how many are left out."""
    found: dict[str, Path] = {}
    left_out = 0
    seen: set[str] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        if os.path.realpath(place) in seen:  # a link to a folder above
            folders.clear()
            continue
        seen.add(os.path.realpath(place))
        left_out += sum(name.startswith(".") for name in folders)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            file = Path(place, name)
            if name.startswith(".") or not file.is_file():
                left_out += 1
                continue
            path = file.relative_to(folder).as_posix()
            if not path.isprintable() or "\\" in path:
                raise UserError(f"{path!r} in {folder} cannot be the name of a file on a volume: rename it")
            found[path] = file
    return found, left_out


def _hash_here(file: Path) -> FileHash:
    try:
        return file_hash(file)
    except OSError as error:
        raise UserError(Problem(f"cannot be read: {error.strerror}", Location(str(file)))) from error


def _same_there(
    files: Files,
    name: str,
    path: str,
    there: Mapping[str, int],
    known: Mapping[str, FileHash],
    hashes: Mapping[str, FileHash],
) -> bool:
    """Tell whether a file on the volume has the content that is here; what is not known of it is read."""
    if there[path] != hashes[path].size:
        return False
    if path in known:
        return known[path] == hashes[path]
    with tempfile.NamedTemporaryFile() as copy:
        files.download(f"data/{name}/{path}", copy, lambda _: None)
        copy.flush()
        return same_content(Path(copy.name), hashes[path])


def _listed(files: Files, name: str) -> list[Entry]:
    return [entry for entry in files.list(f"data/{name}", recursive=True) if not entry.is_folder]


def _known(files: Files, name: str) -> dict[str, FileHash]:
    content = files.read(f"{HASHES}/{name}.json")
    try:
        told = json.loads(content) if content else {}
        return {path: FileHash(entry["size"], entry["sha256"]) for path, entry in told.items()}
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}  # then what is there is read again


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
