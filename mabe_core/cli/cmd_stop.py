"""`mabe stop`: stop a run in the cloud."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from mabe_core.cli import options

if TYPE_CHECKING:
    from mabe_core.cli.cloud import Place


@click.command("stop")
@click.argument("run_id", metavar="ID")
@options.volume
@options.profile
def command(run_id: str, volume: str, profile: str | None) -> None:
    """Stop the run ID in the cloud, after it has saved; ID may be the beginning of one, or a study's."""
    from mabe_core.cli.cloud import find_any

    place, found = find_any(run_id, volume, profile)
    if isinstance(found, str):
        _stop(place, found)
    else:
        from mabe_core.cli.study_cloud import stop_study

        stop_study(place, found, lambda member_id: _stop(place, member_id))


def _stop(place: Place, found: str) -> None:
    from mabe_core.cloud.claims import LAUNCH_PATIENCE
    from mabe_core.cloud.stopping import stop
    from mabe_core.cloud.watching import outcome_of

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
