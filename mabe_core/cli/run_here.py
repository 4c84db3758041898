"""`mabe run EXPERIMENT`: train one experiment, here."""

from __future__ import annotations

import os
from pathlib import Path

from mabe_core.errors import UserError
from mabe_core.exchange import DataAccess
from mabe_core.experiment import Experiment
from mabe_core.registry import Registry
from mabe_core.reports.console import console
from mabe_core.reports.results import results
from mabe_core.runs.directory import RunDirectory
from mabe_core.runs.identity import experiment_id
from mabe_core.runs.opening import open_run
from mabe_core.runs.watchers import check_installed


def train_here(
    experiment: Experiment,
    registry: Registry,
    runs_dir: Path,
    access: DataAccess,
    *,
    run_id: str | None,
    fresh: bool,
) -> None:
    """Train what is missing of an experiment, or say that nothing is, and show its results.

    run_id: the run that is gone on with, by `--resume`. Raises UserError where its file was edited.
    """
    found = experiment_id(experiment, registry)
    if int(os.environ.get("RANK", "0")) and "TORCHELASTIC_RUN_ID" in os.environ:  # torchrun's, not the first
        from mabe_core.training.companion import follow
        from mabe_core.training.companions import by_torchrun

        processes = by_torchrun()
        assert processes is not None, "its environment says so"
        follow(experiment, access, RunDirectory(runs_dir / found), processes)
        return
    if run_id is not None and found != run_id:
        raise UserError(
            f"{run_id}/experiment.yaml now stands for {found}: it or a file in {run_id}/plugins was edited, "
            "or a component has another version now. Put back what it was, or run the file as a new one"
        )
    opened = open_run(experiment, registry, runs_dir, access, fresh=fresh)
    screen = console()
    for note in opened.notes:
        screen.print(f"note: {note}", style="yellow")
    record = opened.record
    if opened.state == "finished":
        screen.print(f"{opened.run.id} is finished ({record.epochs} epochs); `--fresh` trains it again")
    else:
        going = "going on" if opened.state == "resumed" else "new"
        screen.print(f"{opened.run.id} ({going}), in {opened.run.path}")
        if opened.state == "new" and opened.plugin_files:
            _tell_edits(experiment, registry, runs_dir)
        check_installed(experiment, opened.watchers)
        from mabe_core.reports.log import RunLog
        from mabe_core.reports.progress import ProgressDisplay
        from mabe_core.training.events import together
        from mabe_core.training.run import train
        from mabe_core.training.watching import watched

        with ProgressDisplay(screen) as display:
            record = train(opened, watched(opened, together(display, RunLog(opened))))
    screen.print()
    screen.print(results(opened.run, record))
    screen.print(f"\nexperiment id  {opened.run.id}\ncheckpoints    {opened.run.checkpoints}")


def _tell_edits(experiment: Experiment, registry: Registry, runs_dir: Path) -> None:
    """Tell which earlier run a new one differs from by an edited plugin file, and how."""
    from mabe_core.reports.comparison import print_edits
    from mabe_core.runs.comparison import nearest_edited_run, side_of

    nearest = nearest_edited_run(
        runs_dir, side_of(experiment_id(experiment, registry), experiment, registry), registry
    )
    if nearest is not None:
        print_edits(console(), nearest)
