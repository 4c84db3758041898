"""`mabe attach`: the progress of a run in the cloud."""

from __future__ import annotations

import sys

import click

from mabe_core.cli import options
from mabe_core.reports.visible import seen


@click.command("attach")
@click.argument("run_id", metavar="ID")
@options.volume
@options.profile
def command(run_id: str, volume: str, profile: str | None) -> None:
    """Show the progress of the run ID in the cloud until it is over; ID may be the beginning of one.

    Ctrl-C ends the showing, not the run.
    """
    from mabe_core.cli.cloud import find, follow, tell_outcome, tell_results
    from mabe_core.cloud.runs import read_cloud_record
    from mabe_core.cloud.submitting import is_live
    from mabe_core.cloud.watching import outcome_of

    place, found = find(run_id, volume, profile)
    claims = place.claims()
    claim = claims.current(found)
    if claim is not None and claim.started is None and is_live(place.account, claims, claim, click.echo):
        claim = claims.again(claim)
    state = place.account.state(claim.call, 0) if claim is not None and claim.started else None
    if claim is not None and state is not None and state.state == "running":
        sys.exit(follow(place, claim))
    if claim is not None and state is not None and state.state != "unknown":
        sys.exit(tell_outcome(place, found, outcome_of(state, claims.asked_to_stop(claim))))
    record = read_cloud_record(place.files(), found)
    ended = "interrupted" if record is None or record.state == "running" else record.state
    for line in record.failure.splitlines() if record else ():
        click.echo(f"{click.style('error:', fg='red', bold=True)} {seen(line)}", err=True)
    tell_results(place, found, ended)
    sys.exit(0 if ended == "finished" else 1)
