"""`mabe stop`: stop a run in the cloud."""

from __future__ import annotations

import time

import click

from mabe_core.cli import options


@click.command("stop")
@click.argument("run_id", metavar="ID")
@options.volume
@options.profile
def command(run_id: str, volume: str, profile: str | None) -> None:
    """Stop the run ID in the cloud, after it has saved; ID may be the beginning of one."""
    from mabe_core.cli.cloud import find
    from mabe_core.cloud.claims import LAUNCH_PATIENCE
    from mabe_core.cloud.stopping import stop
    from mabe_core.cloud.watching import outcome_of

    place, found = find(run_id, volume, profile)
    claims = place.claims()
    claim = claims.current(found)
    if claim is not None and claim.started is None and time.time() - claim.renewed < LAUNCH_PATIENCE:
        claims.ask_to_stop(claim)
        click.echo(f"{found} is being launched from {claim.host}; it will stop before it trains")
        return
    if claim is None or claim.started is None or place.account.state(claim.call, 0).state != "running":
        click.echo(f"{found} does not run")
        return
    click.echo(f"asking {found} to save and stop")
    ended = stop(place.account, claims, claim)
    if ended is None:
        told = "is stopped: it ended without saving; what was saved before stays"
    elif ended.state == "returned" and outcome_of(ended, True).state != "stopped":
        told = f"has ended by itself meanwhile: {outcome_of(ended, True).state}"
    else:
        told = "is stopped: it saved first"
    click.echo(f"{found} {told}. `mabe-run` with `--cloud` goes on with it")
