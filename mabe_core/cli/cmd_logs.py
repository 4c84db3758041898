"""`mabe logs`: what a run in the cloud has told."""

from __future__ import annotations

import click

from mabe_core.cli import options
from mabe_core.errors import UserError


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
    from mabe_core.cloud.claims import Claims

    account, found = find(run_id, volume, profile)
    claim = Claims(account.store(volume)).current(found)
    if claim is not None and claim.started and account.state(claim.call, 0).state == "running":
        for piece in account.log(claim.call, follow=follow):
            click.echo(piece, nl=False)
        return
    files = account.files(volume)
    log = files.read(f"runs/{found}/log.txt") if files else None
    if log is None and claim is not None and claim.started:  # it ended before there was a run directory
        for piece in account.log(claim.call, follow=False):
            click.echo(piece, nl=False)
        return
    if log is None:
        raise UserError(f"{found} has told nothing yet")
    click.echo(log.decode(errors="replace"), nl=False)
