"""`mabe pull`: bring a run and its checkpoints from the cloud."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mabe_core.cli import options
from mabe_core.cli.trusting import settle, trust_option

if TYPE_CHECKING:
    from mabe_core.cli.cloud import Place


@click.command("pull")
@click.argument("run_id", metavar="ID")
@click.option(
    "--checkpoint",
    "checkpoints",
    metavar="WHICH",
    multiple=True,
    default=("best", "last"),
    show_default=True,
    help="best, last, all, or such as epoch-5 or step-10000; may be given several times",
)
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="put the run into this folder; by default where runs are kept",
)
@click.option("--force", is_flag=True, help="overwrite what differs here")
@options.runs_dir
@options.volume
@options.profile
@trust_option
def command(
    run_id: str,
    checkpoints: tuple[str, ...],
    folder: Path | None,
    force: bool,
    runs_dir: Path,
    volume: str,
    profile: str | None,
) -> None:
    """Bring the run ID and its checkpoints here, each file checked by its SHA-256.

    ID may be the beginning of one, or a study's, which brings all its members. What a broken pull has brought
    is not brought again. The run is then one like those that were trained here: `mabe runs` lists it,
    `mabe-run --resume` goes on with it.
    """
    from mabe_core.cli.cloud import find_any

    place, found = find_any(run_id, volume, profile)

    def bring(member_id: str) -> None:
        _pull(place, member_id, folder or runs_dir, checkpoints, force=force)

    if isinstance(found, str):
        bring(found)
        settle([(folder or runs_dir) / found])
        return
    from mabe_core.cli.study_cloud import pull_study

    status = pull_study(place, found, bring, folder or runs_dir)
    settle([(folder or runs_dir) / each for each in (found.id, *(member.id for member in found.members))])
    sys.exit(status)


def _pull(place: Place, found: str, runs_dir: Path, checkpoints: tuple[str, ...], *, force: bool) -> None:
    from rich.filesize import decimal
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    from mabe_core.cloud.pulling import pull
    from mabe_core.reports.console import console

    screen = console()
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as progress:
        bars = {}

        def told(name: str, came: int, size: int) -> None:
            if name not in bars:
                bars[name] = progress.add_task(name, total=size)
            progress.update(bars[name], completed=came)

        pulled = pull(place.files(), found, runs_dir, checkpoints, force=force, told=told)
    screen.print(
        f"{found}: {pulled.files} files, {decimal(pulled.size)}, all checked; in {pulled.run.path}\n"
        f"checkpoints: {', '.join(pulled.checkpoints)}"
    )
