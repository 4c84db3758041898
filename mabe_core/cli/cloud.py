"""What the commands that use the cloud share: the account, watching a run, telling how it ended."""

from __future__ import annotations

import importlib
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mabe_core.errors import UserError

if TYPE_CHECKING:
    from mabe_core.cloud.claims import Claim
    from mabe_core.cloud.outcome import Outcome
    from mabe_core.cloud.service import Account, Files

# seconds between two lines that say that a run has not begun yet
WAITING_EVERY = 30.0


def connect(profile: str | None) -> Account:
    """Reach the cloud account; raise CloudError that says what is missing."""
    if profile is not None:
        os.environ["MODAL_PROFILE"] = profile  # read by modal when it is imported
    account: Account = importlib.import_module("modal_runner").connect()
    return account


def find(beginning: str, volume: str, profile: str | None) -> tuple[Account, str]:
    """Reach the account, and return it with the id of the run that begins so."""
    from mabe_core.cloud.runs import find_cloud_id
    from mabe_core.runs.identity import check_id_like

    check_id_like(beginning)
    account = connect(profile)
    return account, find_cloud_id(account, volume, beginning)


def existing_files(account: Account, volume: str) -> Files:
    """Return the files of a volume; raise UserError where there is no such volume."""
    files = account.files(volume)
    if files is None:
        raise UserError(f"the account has no volume {volume!r}; a first run or `mabe data push` makes it")
    return files


def follow(account: Account, volume: str, claim: Claim, *, quiet: bool = False) -> int:
    """Show a run until it is over, and how it ended; return the exit status. Ctrl-C ends the showing.

    quiet: show only how it ended.
    """
    from mabe_core.cloud.service import ConnectionLostError
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
            outcome = watch(account, account.store(volume), claim, observe, waiting)
    except KeyboardInterrupt:
        click.echo()
        tell_detached(claim.id)
        return 130
    except ConnectionLostError as error:
        click.echo(f"{error}", err=True)
        tell_detached(claim.id)
        return 1
    return tell_outcome(account, volume, claim.id, outcome)


def tell_detached(run_id: str) -> None:
    """Say that a run goes on without this terminal, and what can be done with it."""
    click.echo(
        f"{run_id} goes on in the cloud.\n"
        f"  mabe attach {run_id}   shows its progress again, from any machine\n"
        f"  mabe stop {run_id}     stops it; what was saved stays\n"
        f"  mabe pull {run_id}     brings its checkpoints here"
    )


def tell_outcome(account: Account, volume: str, run_id: str, outcome: Outcome) -> int:
    """Say how a run ended and what came of it; return the exit status."""
    for problem in outcome.problems:
        click.echo(f"{click.style('error:', fg='red', bold=True)} {problem}", err=True)
    if outcome.state in ("failed", "superseded"):
        return outcome.exit_code or 1
    tell_results(account, volume, run_id, outcome.state)
    return 0 if outcome.state == "finished" else 1


def tell_results(account: Account, volume: str, run_id: str, state: str) -> None:
    """Show the scores that the volume has of a run."""
    from mabe_core.cloud.runs import fetch_small
    from mabe_core.reports.console import console
    from mabe_core.reports.results import results
    from mabe_core.runs.record import read_record

    files = account.files(volume)
    with tempfile.TemporaryDirectory() as folder:
        run = fetch_small(files, run_id, Path(folder)) if files else None
        record = read_record(run) if run else None
        screen = console()
        if run is not None and record is not None and run.epochs():
            screen.print()
            screen.print(results(run, record))
            screen.print()
        screen.print(f"experiment id  {run_id} ({state})")
        screen.print(f"checkpoints    volume {volume}, runs/{run_id}; `mabe pull {run_id}` brings them here")


def _gpu(name: str) -> str:
    return "no GPU" if name == "none" else f"a GPU ({name})"


def age(since: str) -> str:
    """Return how long ago a time was, in its largest unit."""
    import datetime

    seconds = time.time() - datetime.datetime.fromisoformat(since).timestamp()
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return f"{max(int(seconds), 0)} s"
