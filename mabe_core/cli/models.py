"""What the commands about models share: which registry is meant, and how changes to it are told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mabe_core.cli import options
from mabe_core.cli.cloud import age, connect
from mabe_core.reports.visible import seen

if TYPE_CHECKING:
    from mabe_core.models.folder import ModelFolder
    from mabe_core.models.history import Event, Names
    from mabe_core.models.moving import Moved, Told
    from mabe_core.models.naming import Models
    from mabe_core.models.volume import VolumeModels


def models_here(models_dir: Path) -> ModelFolder:
    from mabe_core.models.folder import ModelFolder

    return ModelFolder(models_dir)


def models_there(volume: str, profile: str | None, *, create: bool = False) -> VolumeModels:
    from mabe_core.models.volume import VolumeModels

    place = connect(volume, profile)
    files = place.account.files(volume, create=True) if create else place.files()
    assert files is not None, "it was created"
    return VolumeModels(files, place.account.store(volume, create=True), volume)


def registry(in_cloud: bool, models_dir: Path, volume: str, profile: str | None) -> Models:
    return models_there(volume, profile) if in_cloud else models_here(models_dir)


def tell_event(reference: str, event: Event) -> None:
    click.echo(seen(event_words(reference.partition("@")[0], event)))


def plain(text: str) -> str:
    """Return a text without what a terminal would obey."""
    return "".join(letter for letter in text if letter.isprintable() or letter == "\n")


def event_words(name: str, event: Event) -> str:
    """Return an event in words."""
    model = f"{name}@{event.version}"
    if event.what == "promoted":
        moved = event.before not in (None, event.version)
        return f"{name}@{event.alias} is {model}" + (f" (was {name}@{event.before})" if moved else "")
    if event.what == "alias removed":
        return f"{name}@{event.alias} is no longer {model}"
    if event.what == "added":
        version = event.after.version(event.version)
        return f"{model} added" + (f": {version.run}, {version.checkpoint}" if version else "")
    return f"{model} {event.what}" + (f": {plain(event.text)}" if event.text else "")


def show_models(found: dict[str, Names], place: str, *, as_json: bool) -> None:
    from mabe_core.models.history import as_row

    rows = [as_row(names, version, name) for name, names in found.items() for version in names.versions]
    if as_json:
        options.say_json(rows)
        return
    if not rows:
        click.echo(f"no models in {place}; `mabe models add ID --name NAME` keeps a run's best checkpoint")
        return
    options.table(
        [
            {
                "model": f"{row['name']}@{row['number']}",
                "aliases": ", ".join(row["aliases"]),
                "score": plain(row["scored"]),
                "run": row["run"],
                "age": age(row["added"]),
                "description": plain(row["description"]),
            }
            for row in rows
        ],
        whole=("model",),
    )


def with_progress(move: Callable[[Told], Moved]) -> Moved:
    from rich.progress import BarColumn, DownloadColumn, Progress

    from mabe_core.reports.console import console

    screen = console()
    with Progress(
        BarColumn(), DownloadColumn(), console=screen, transient=True, disable=not screen.is_terminal
    ) as progress:
        task = progress.add_task("")
        return move(lambda done, total: progress.update(task, completed=done, total=total))


def tell_moved(moved: Moved, source: str, target: str) -> None:
    name, now, before = moved.name, moved.version.number, moved.asked.number
    verb = "is now" if moved.new else "was there already as"
    click.echo(f"{name}@{before} of {source} {verb} {name}@{now} in {target}")
    if moved.new and now != before:
        click.echo(f"note: {name}@{before} was another model there, or is used up")
    for alias in moved.aliases:
        click.echo(f"{name}@{alias} is {name}@{now} there")
    for alias in moved.kept:
        click.echo(f"note: {name}@{alias} stands for another version there, and was let be")
