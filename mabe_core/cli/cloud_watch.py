"""Watching a run or a study in the cloud, without a hand in it."""

from __future__ import annotations

from pathlib import Path

import click

from mabe_core.cli import cloud
from mabe_core.cli.cmd_watch import IN_CLOUD, picture_of, picture_of_run, show, tell_left
from mabe_core.cloud.claims import Claim
from mabe_core.cloud.runs import cloud_runs
from mabe_core.cloud.service import CloudError, ConnectionLostError
from mabe_core.cloud.standing import Followed, cloud_standing, member_standings
from mabe_core.cloud.submitting import is_live
from mabe_core.cloud.watching import watch
from mabe_core.errors import UserError
from mabe_core.reports.console import console
from mabe_core.reports.watching import Picture, Screen
from mabe_core.runs.study import Study, find
from mabe_core.training.events import Event


def watch_in_cloud(beginning: str, runs_dir: Path, volume: str, profile: str | None, *, once: bool) -> int:
    """Show a run, or the members of a study that was begun from here; return the exit status."""
    study = _study(runs_dir, beginning)
    if study is not None:
        place = cloud.connect(volume, profile)
        return show(
            study.id,
            lambda: _members(place, study),
            IN_CLOUD,
            once=once,
            again=f"{study.id} --cloud{place.options}",
        )
    place, run_id = cloud.find(beginning, volume, profile)
    claims = place.claims()
    claim = claims.current(run_id)
    if not once and claim is not None and is_live(place.account, claims, claim, click.echo):
        claim = claims.again(claim)
        if claim is not None and claim.started is not None:
            return _follow(place, claim)
    return show(run_id, lambda: _on_volume(place, run_id), IN_CLOUD, once=once)


def _study(runs_dir: Path, beginning: str) -> Study | None:
    """Return the study that is known here by the beginning of its id."""
    try:
        found = find(runs_dir, beginning)
    except UserError:
        return None
    return found if isinstance(found, Study) else None


def _members(place: cloud.Place, study: Study) -> Picture:
    ids = [member.id for member in study.members]
    return picture_of(study, member_standings(place.account, place.volume, ids))


def _on_volume(place: cloud.Place, run_id: str) -> Picture:
    (run,) = [each for each in cloud_runs(place.account, place.volume) if each.id == run_id]
    return picture_of_run(cloud_standing(place.files(), run))


def _follow(place: cloud.Place, claim: Claim) -> int:
    """Show a run by the events it sends, until its call is over."""
    followed = Followed(claim.id, place.account.files(place.volume))
    try:
        with Screen(console()) as drawn:

            def draw() -> None:
                drawn.draw(picture_of_run(followed.standing()))

            def observe(event: Event) -> None:
                followed(event)
                draw()

            outcome = watch(place.account, place.claims().store, claim, observe, lambda _: draw())
            followed.end(outcome.state, outcome.problems)
            draw()
    except KeyboardInterrupt:
        tell_left(claim.id, f"{claim.id} --cloud{place.options}")
        return 130
    except (CloudError, ConnectionLostError):
        tell_left(claim.id, f"{claim.id} --cloud{place.options}")
        raise
    return 0 if outcome.state == "finished" else 1
