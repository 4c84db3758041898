"""Moves models between a registry here and one on a volume, each file checked by its SHA-256."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import attrs

from mabe_core.errors import RunError, UserError
from mabe_core.models.adding import add, free_version
from mabe_core.models.entry import FILE, Contents, Entry, entry_text, faults, parse_entry, read_entry
from mabe_core.models.folder import ModelFolder
from mabe_core.models.history import Event, Names, Reference, Version
from mabe_core.models.naming import Models, adding, give_alias, same_model
from mabe_core.models.volume import ROOT, VolumeModels

# how many bytes have come, or gone, and how many there are in all
Told = Callable[[int, int], None]


@attrs.frozen
class Moved:
    """What a move came to. asked, version: of the model where it came from, and where it is now.

    new: whether it was not there before. aliases: those that came along; kept: those that stand for another
    version there, and were let be.
    """

    name: str
    asked: Version
    version: Version
    new: bool
    aliases: tuple[str, ...]
    kept: tuple[str, ...]


def push(here: ModelFolder, there: VolumeModels, reference: str, told: Told) -> Moved:
    """Send a version to the volume, under its number where that is free there.

    Raises UserError where a file here was changed.
    """
    asked = Reference.parse(reference)
    names = here.read(asked.name)
    version = asked.find(names)
    folder = here.entry(asked.name, version.number)
    entry = read_entry(folder)
    wrong = faults(folder, entry)
    if wrong:
        raise UserError("; ".join(wrong))
    size = sum((folder / name).stat().st_size for name in entry.files)
    pushed: list[tuple[Version, bool]] = []

    def change(others: Names, number: int) -> Event | None:
        same = same_model(others, entry)
        if same is not None:
            pushed.append((same, False))
            return None
        if not pushed:
            told(0, size)
            sent = _upload(there, others, folder, attrs.evolve(entry, version=version.number))
            pushed.append((attrs.evolve(version, number=sent.version), True))
            told(size, size)
        # where another event came first, the files are there already
        sent_version = pushed[0][0].number
        return adding(others, number, attrs.evolve(entry, version=sent_version), version.description)

    there.change(asked.name, change)
    found, new = pushed[-1]
    aliases, kept = _bring_aliases(there, asked.name, names.aliases_of(version.number), found.number)
    return Moved(asked.name, version, found, new, aliases, kept)


def pull(there: VolumeModels, here: ModelFolder, reference: str, told: Told) -> Moved:
    """Bring a version from the volume, under its number where that is free here.

    Raises RunError where a file is not what its entry says.
    """
    asked = Reference.parse(reference)
    names = there.read(asked.name)
    version = asked.find(names)
    known = here.read(asked.name) if asked.name in here.names() else Names()
    path = f"{ROOT}/{asked.name}/{version.number}"
    entry = _entry_there(there, path)
    same = same_model(known, entry)
    if same is not None:
        found, new = same, False
    else:
        contents = Contents(entry, _download(there, path, entry, told))
        added = add(
            here, contents, asked.name, aliases=(), description=version.description, wanted=version.number
        )
        found, new = added.version, added.new
    aliases, kept = _bring_aliases(here, asked.name, names.aliases_of(version.number), found.number)
    return Moved(asked.name, version, found, new, aliases, kept)


def _upload(there: VolumeModels, names: Names, folder: Path, entry: Entry) -> Entry:
    """Put an entry's files under the first number that is free; all of them or none."""
    wanted = entry.version
    while True:
        number = free_version(names, there.version_folders(entry.name), wanted)
        placed = attrs.evolve(entry, version=number)
        base = f"{ROOT}/{entry.name}/{number}"
        files: list[tuple[Path | bytes, str]] = [(folder / name, f"{base}/{name}") for name in entry.files]
        files.append((entry_text(placed).encode(), f"{base}/{FILE}"))
        try:
            there.files.upload(files, replace=False)
        except FileExistsError:  # somebody else took the number meanwhile
            continue
        return placed


def _entry_there(there: VolumeModels, path: str) -> Entry:
    content = there.files.read(f"{path}/{FILE}")
    place = f"{path}/{FILE} on {there}"
    if content is None:
        raise UserError(f"{place} is missing: push the model again")
    try:
        return parse_entry(json.loads(content), place)
    except (ValueError, RecursionError) as error:
        raise error if isinstance(error, UserError) else UserError(f"{place} is damaged: not JSON") from None


def _download(there: VolumeModels, path: str, entry: Entry, told: Told) -> Mapping[str, bytes]:
    sizes = {each.path.removeprefix(f"{path}/"): each.size for each in there.files.list(path, recursive=True)}
    total = sum(sizes.get(name, 0) for name in entry.files)
    came = 0
    contents = {}

    def progress(more: int) -> None:
        nonlocal came
        came += more
        told(min(came, total), total)

    for name, expected in entry.files.items():
        file = io.BytesIO()
        try:
            there.files.download(f"{path}/{name}", file, progress)
        except FileNotFoundError as error:
            raise RunError(f"{path}/{name} on {there} is missing") from error
        if hashlib.sha256(file.getvalue()).hexdigest() != expected:
            raise RunError(
                f"{path}/{name} on {there} was changed: it is not what was added. Nothing was kept"
            )
        contents[name] = file.getvalue()
    return contents


def _bring_aliases(
    models: Models, name: str, aliases: list[str], number: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give a version the aliases that it has elsewhere, unless another version has them; return both."""
    taken = models.read(name).aliases
    free = [alias for alias in aliases if alias not in taken]
    for alias in free:
        give_alias(models, f"{name}@{number}", alias)
    kept = [alias for alias in aliases if taken.get(alias, number) != number]
    return tuple(free), tuple(kept)
