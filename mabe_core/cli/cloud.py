"""What the commands that use the cloud share: the account, watching a run, telling how it ended."""

from __future__ import annotations

import datetime
import importlib
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import click

from mabe_core.errors import UserError
from mabe_core.experiment.cloud import Cloud
from mabe_core.reports.visible import seen

if TYPE_CHECKING:
    from mabe_core.cloud.claims import Claim, Claims
    from mabe_core.cloud.outcome import Outcome
    from mabe_core.cloud.service import Account, Files
    from mabe_core.runs.study import Study

# seconds between two lines that say that a run has not begun yet
WAITING_EVERY = 30.0


@attrs.frozen
class Place:
    """An account, and the volume that is looked at; options: the words that lead another command there."""

    account: Account
    volume: str
    options: str = ""

    def claims(self) -> Claims:
        """Return who runs what."""
        from mabe_core.cloud.claims import Claims

        return Claims(self.account.store(self.volume))

    def files(self) -> Files:
        """Return the files of the volume; raise UserError where there is no such volume."""
        files = self.account.files(self.volume)
        if files is None:
            raise UserError(
                f"the account has no volume {self.volume!r}; a first run or `mabe data push` makes it"
            )
        return files


def connect(volume: str, profile: str | None) -> Place:
    """Reach the cloud account; raise CloudError that says what is missing."""
    if profile is not None:
        os.environ["MODAL_PROFILE"] = profile  # read by modal when it is imported
    account: Account = importlib.import_module("modal_runner").connect()
    default = os.environ.get("MABE_VOLUME", Cloud().volume)
    options = f" --volume {volume}" if volume != default else ""
    return Place(account, volume, options + (f" --profile {profile}" if profile else ""))


def find(beginning: str, volume: str, profile: str | None) -> tuple[Place, str]:
    """Reach the account, and return it with the id of the run that begins so.

    Raises UserError where none or several do, and where a study does, naming its members.
    """
    place, found = find_any(beginning, volume, profile)
    if not isinstance(found, str):
        from mabe_core.cli.study_cloud import name_a_member

        raise name_a_member(found)
    return place, found


def find_any(beginning: str, volume: str, profile: str | None) -> tuple[Place, str | Study]:
    """Reach the account, and return it with the study, or the id of the run, that begins so."""
    from mabe_core.runs.identity import check_id_like
    from mabe_core.studies.on_volume import find_in_cloud

    check_id_like(beginning)
    place = connect(volume, profile)
    return place, find_in_cloud(place.account, volume, beginning)


def follow(place: Place, claim: Claim, *, quiet: bool = False) -> int:
    """Show a run until it is over, and how it ended; return the exit status. Ctrl-C ends the showing.

    quiet: show only how it ended.
    """
    from mabe_core.cloud.service import CloudError, ConnectionLostError
    from mabe_core.cloud.watching import watch
    from mabe_core.reports.console import console
    from mabe_core.reports.progress import ProgressDisplay
    from mabe_core.training.events import unobserved

    screen = console()
    told = 0.0

    def waiting(seconds: float) -> None:
        nonlocal told
        if seconds >= told:
            screen.print(f"waiting for a container with {_gpu(claim.gpu)} ({seconds:.0f} s)", style="dim")
            told += WAITING_EVERY

    try:
        with ProgressDisplay(screen) as display:
            observe = unobserved if quiet else display
            outcome = watch(place.account, place.claims().store, claim, observe, waiting)
    except KeyboardInterrupt:
        click.echo()
        tell_detached(place, claim.id)
        return 130
    except (CloudError, ConnectionLostError) as error:
        click.echo(f"{click.style('error:', fg='red', bold=True)} {seen(str(error))}", err=True)
        tell_detached(place, claim.id)
        return error.exit_code
    return tell_outcome(place, claim.id, outcome)


def tell_detached(place: Place, run_id: str) -> None:
    """Say that a run goes on without this terminal, and what can be done with it."""
    words = f"{run_id}{place.options}"
    click.echo(
        f"{run_id} goes on in the cloud.\n"
        f"  mabe attach {words}   shows its progress again, from any machine\n"
        f"  mabe stop {words}     stops it; what was saved stays\n"
        f"  mabe pull {words}     brings its checkpoints here"
    )


def tell_outcome(place: Place, run_id: str, outcome: Outcome) -> int:
    """Say how a run ended and what came of it; return the exit status."""
    for problem in outcome.problems:
        click.echo(f"{click.style('error:', fg='red', bold=True)} {seen(problem)}", err=True)
    if outcome.state in ("failed", "superseded"):
        return outcome.exit_code or 1
    tell_results(place, run_id, outcome.state)
    return 0 if outcome.state == "finished" else 1


def tell_results(place: Place, run_id: str, state: str) -> None:
    """Show the scores that the volume has of a run."""
    from mabe_core.cloud.runs import fetch_small
    from mabe_core.reports.console import console
    from mabe_core.reports.results import results
    from mabe_core.runs.record import read_record

    with tempfile.TemporaryDirectory() as folder:
        run = fetch_small(place.files(), run_id, Path(folder))
        record = read_record(run)
        screen = console()
        if record is not None and run.epochs():
            screen.print()
            screen.print(results(run, record))
            screen.print()
        words = f"{run_id}{place.options}"
        screen.print(f"experiment id  {run_id} ({state})")
        screen.print(
            f"checkpoints    volume {place.volume}, runs/{run_id}; `mabe pull {words}` brings them here"
        )


def _gpu(name: str) -> str:
    return "no GPU" if name == "none" else f"a GPU ({name})"


def age(since: str) -> str:
    """Return how long ago a time was, in its largest unit."""
    seconds = time.time() - datetime.datetime.fromisoformat(since).timestamp()
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return f"{max(int(seconds), 0)} s"
