"""`mabe data`: bring data to the cloud, and list what is there."""

from __future__ import annotations

import json
from pathlib import Path

import attrs
import click

from mabe_core.cli import options


@click.group("data")
def command() -> None:
    """Bring data folders to the volume, where experiments find them by the same names as here."""


@command.command("push")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.argument("name", required=False)
@click.option("--force", is_flag=True, help="replace what differs there")
@options.volume
@options.profile
def push_command(folder: Path, name: str | None, force: bool, volume: str, profile: str | None) -> None:
    """Send the folder DIR to the volume as data NAME, by default the folder's own; only what is missing."""
    from rich.filesize import decimal
    from rich.progress import BarColumn, DownloadColumn, Progress

    from mabe_core.cli.cloud import connect
    from mabe_core.cloud.pushing import push
    from mabe_core.reports.console import console

    named = name or folder.resolve().name
    files = connect(volume, profile).account.files(volume, create=True)
    assert files is not None, "it was created"
    screen = console()
    with Progress(
        BarColumn(), DownloadColumn(), console=screen, transient=True, disable=not screen.is_terminal
    ) as progress:
        task = progress.add_task("")
        pushed = push(
            files,
            folder,
            named,
            force=force,
            told=lambda sent, total: progress.update(task, completed=sent, total=total),
        )
    left_out = f", {pushed.left_out} hidden or no files left out" if pushed.left_out else ""
    screen.print(
        f"data {pushed.name} on volume {volume}: {pushed.sent} files sent ({decimal(pushed.size)}), "
        f"{pushed.present} were there{left_out}"
    )
    if pushed.only_there:
        screen.print(
            f"warning: {pushed.only_there} files are there and not here, and experiments may read them; "
            f"`modal volume rm {volume} data/{pushed.name}/FILE` removes one",
            style="yellow",
        )


@command.command("list")
@options.volume
@options.profile
@options.as_json
def list_command(volume: str, profile: str | None, as_json: bool) -> None:
    """List the data on the volume: name, files, size."""
    from rich.filesize import decimal
    from rich.table import Table

    from mabe_core.cli.cloud import connect
    from mabe_core.cloud.pushing import data_folders
    from mabe_core.reports.console import console

    found = data_folders(connect(volume, profile).files())
    if as_json:
        click.echo(json.dumps([attrs.asdict(each) for each in found], indent=1))
        return
    if not found:
        click.echo(f"no data on volume {volume}; `mabe data push DIR` brings some")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("name", "files", "size"):
        table.add_column(title, justify="left" if title == "name" else "right")
    for each in found:
        table.add_row(each.name, str(each.files), decimal(each.size))
    console().print(table)
