"""`mabe attach`: the progress of a run in the cloud."""

from __future__ import annotations

import sys

import click

from mabe_core.cli import options


@click.command("attach")
@click.argument("run_id", metavar="ID")
@options.volume
@options.profile
def command(run_id: str, volume: str, profile: str | None) -> None:
    """Show the progress of the run ID in the cloud until it is over; ID may be the beginning of one.

    Ctrl-C ends the showing, not the run.
    """
    from mabe_core.cli.cloud import existing_files, find, follow, tell_results
    from mabe_core.cloud.claims import Claims
    from mabe_core.cloud.runs import read_cloud_record
    from mabe_core.cloud.submitting import is_live

    account, found = find(run_id, volume, profile)
    claims = Claims(account.store(volume))
    claim = claims.current(found)
    if claim is not None and is_live(account, claims, claim, lambda told: click.echo(told)):
        claim = claims.again(claim)
    if claim is not None and claim.started is not None and account.state(claim.call, 0).state == "running":
        sys.exit(follow(account, volume, claim))
    record = read_cloud_record(existing_files(account, volume), found)
    state = "interrupted" if record is None or record.state == "running" else record.state
    tell_results(account, volume, found, state)
