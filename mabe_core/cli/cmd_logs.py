"""`mabe logs`: what a run in the cloud has told."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from mabe_core.cli import options
from mabe_core.errors import UserError
from mabe_core.reports.visible import seen

if TYPE_CHECKING:
    from mabe_core.cli.cloud import Place


@click.command("logs")
@click.argument("run_id", metavar="ID")
@click.option("-f", "--follow", is_flag=True, help="go on until the run is over")
@options.volume
@options.profile
def command(run_id: str, follow: bool, volume: str, profile: str | None) -> None:
    """Print what the run ID in the cloud has told; ID may be the beginning of one.

    While it runs, what its container prints; afterwards log.txt in its run directory on the volume.
    """
    from mabe_core.cli.cloud import find

    place, found = find(run_id, volume, profile)
    claim = place.claims().current(found)
    call = claim.call if claim is not None else ""
    if call and place.account.state(call, 0).state == "running":
        _print_container(place, call, follow=follow)
        return
    files = place.account.files(volume)
    log = files.read(f"runs/{found}/log.txt") if files else None
    if log is not None:
        click.echo(seen(log.decode(errors="replace"), lines=True), nl=False)
    attempts = files.read(f"runs/{found}/cloud.json") if files else None
    if call and call.encode() not in (
        attempts or b""
    ):  # it ended before it could write into the run directory
        _print_container(place, call, follow=False)
    elif log is None:
        raise UserError(f"{found} has told nothing yet")


def _print_container(place: Place, call: str, *, follow: bool) -> None:
    pieces = place.account.log(call, follow=follow)
    try:
        for piece in pieces:
            click.echo(seen(piece, lines=True), nl=False)
    except KeyboardInterrupt:
        click.echo("\nthe run goes on", err=True)
        sys.exit(130)
