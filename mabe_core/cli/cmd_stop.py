"""`mabe stop`: stop a run in the cloud."""

from __future__ import annotations

import click

from mabe_core.cli import options


@click.command("stop")
@click.argument("run_id", metavar="ID")
@options.volume
@options.profile
def command(run_id: str, volume: str, profile: str | None) -> None:
    """Stop the run ID in the cloud, after it has saved; ID may be the beginning of one."""
    from mabe_core.cli.cloud import find
    from mabe_core.cloud.claims import Claims
    from mabe_core.cloud.stopping import stop

    account, found = find(run_id, volume, profile)
    claims = Claims(account.store(volume))
    claim = claims.current(found)
    if claim is None or claim.started is None or account.state(claim.call, 0).state != "running":
        click.echo(f"{found} does not run")
        return
    click.echo(f"asking {found} to save and stop")
    saved = stop(account, claims, claim)
    told = "it saved first" if saved else "ended without saving; what was saved before stays"
    click.echo(f"{found} is stopped: {told}. `mabe-run` with `--cloud` goes on from there")
