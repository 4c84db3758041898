"""Puts models into a registry that is a folder, takes them out, and tells what is not as it was added."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import attrs

from mabe_core.errors import UserError
from mabe_core.models.entry import (
    FILE,
    Contents,
    faults,
    read_entry,
    signed,
    write_entry,
)
from mabe_core.models.folder import ModelFolder
from mabe_core.models.gathering import gather
from mabe_core.models.history import Event, Names, Version, check_alias, check_name
from mabe_core.models.naming import adding, promote, remove_version, same_model
from mabe_core.runs.directory import RunDirectory
from mabe_core.runs.files import remove
from mabe_core.runs.record import now


@attrs.frozen
class Added:
    """What became of a model that was to be added; new: whether it was not there already."""

    version: Version
    new: bool


def add_run(
    models: ModelFolder,
    run: RunDirectory,
    name: str,
    *,
    checkpoint: str = "best",
    aliases: Sequence[str] = (),
    description: str = "",
) -> Added:
    """Copy a run's checkpoint and what it needs into the registry, under the next version of a name.

    The same checkpoint under the same name is not added twice; its aliases are promoted all the same.
    Raises UserError where name, alias or checkpoint are none.
    """
    return add(models, gather(run, checkpoint), name, aliases=aliases, description=description, wanted=None)


def add(
    models: ModelFolder,
    contents: Contents,
    name: str,
    *,
    aliases: Sequence[str],
    description: str,
    wanted: int | None,
) -> Added:
    """Put contents into the registry; wanted: the version number that it is to have, if that is free."""
    check_name(name)
    for alias in aliases:
        check_alias(alias)
    found: list[Added] = []

    def change(names: Names, number: int) -> Event | None:
        same = same_model(names, contents.entry)
        if same is not None:
            found.append(Added(same, new=False))
            return None
        version = free_version(names, models.version_folders(name), wanted)
        entry = signed(contents.entry, name, version, now())
        write_entry(models.entry(name, version), entry, contents.contents)
        event = adding(names, number, entry, description)
        found.append(Added(event.after.versions[-1], new=True))
        return event

    models.change(name, change)
    (added,) = found
    for alias in aliases:
        promote(models, f"{name}@{added.version.number}", alias)
    return added


def free_version(names: Names, folders: Sequence[int], wanted: int | None = None) -> int:
    """Return the number of the next version: the wanted one where no version ever had it."""
    used = max(names.used, *folders, 0)
    return wanted if wanted is not None and wanted > used else used + 1


def remove_model(models: ModelFolder, reference: str) -> Event:
    """Take a version out of its name, then delete its folder."""
    event = remove_version(models, reference)
    name = reference.partition("@")[0]
    with models.locked(name):
        folder = models.entry(name, event.version)
        if folder.exists():
            remove(folder)
    return event


def check(models: ModelFolder, name: str) -> list[str]:
    """Return what is wrong with a name: its history, changed or missing files, folders of no version."""
    told = models.faults(name)
    try:
        names = models.read(name)
    except UserError as error:
        return told or [str(error)]
    for version in names.versions:
        told += _entry_faults(models.entry(name, version.number), name, version)
    known = {version.number for version in names.versions}
    for number in models.version_folders(name):
        if number not in known:
            what = "was removed" if number <= names.used else "was never added"
            told.append(f"{models.entry(name, number)} is left, but version {number} {what}")
    return told


def _entry_faults(folder: Path, name: str, version: Version) -> list[str]:
    if not (folder / FILE).exists():
        return [f"{folder / FILE} is missing"]
    try:
        entry = read_entry(folder)
    except UserError as error:
        return [str(error)]
    if (entry.name, entry.version, entry.model) != (name, version.number, version.model):
        return [f"{folder / FILE} was changed: it is not what was added as {name}@{version.number}"]
    return faults(folder, entry)
