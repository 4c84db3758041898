"""Opens the run of an experiment: new, to be resumed, or finished; and says what differs from before."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import attrs

from mabe_core.data.fingerprint import fingerprint
from mabe_core.errors import UserError
from mabe_core.exchange import DataAccess
from mabe_core.experiment import Experiment, to_text
from mabe_core.registry import Provided, Registry
from mabe_core.runs.directory import RunDirectory, copy_plugins
from mabe_core.runs.files import write_whole
from mabe_core.runs.identity import experiment_id, providers
from mabe_core.runs.record import (
    Record,
    data_changes,
    describe_components,
    git_revision,
    machine,
    now,
    read_record,
    software,
    software_changes,
)


@attrs.frozen(eq=False)
class OpenedRun:
    """A run that is ready to be trained, or has been.

    notes: what a user should be told before it goes on.
    """

    experiment: Experiment
    run: RunDirectory
    record: Record
    access: DataAccess
    state: Literal["new", "resumed", "finished"]
    notes: tuple[str, ...]
    plugin_files: tuple[Path, ...]

    def keep(self) -> None:
        """Write the run directory of a new run: the experiment, its local plugin files, the record."""
        if self.state != "new":
            return
        self.run.make()
        copy_plugins(self.run, [(file.name, file.read_bytes()) for file in self.plugin_files])
        kept = attrs.evolve(
            self.experiment, plugins=tuple(f"plugins/{file.name}" for file in self.plugin_files)
        )
        write_whole(self.run.experiment, to_text(kept))
        self.record.save(self.run)


def open_run(
    experiment: Experiment,
    registry: Registry,
    runs_dir: Path,
    access: DataAccess,
    *,
    fresh: bool = False,
) -> OpenedRun:
    """Find the run of an experiment, or lay out a new one; nothing is written before `keep`.

    Raises UserError where the data is other than the run was begun with, unless `fresh`, which moves the
    old run aside.
    """
    run = RunDirectory(runs_dir / experiment_id(experiment, registry))
    offers = providers(experiment, registry)
    data = fingerprint(experiment.data.dataset, access)
    notes: list[str] = []
    before = read_record(run)
    if before is not None and fresh:
        with run.held():
            notes.append(f"the earlier run was moved to {run.set_aside()}")
        before = None
    if before is None:
        record = _new_record(run, experiment, offers, data)
        return OpenedRun(experiment, run, record, access, "new", tuple(notes), _local_files(offers))
    changed = data_changes(before.data, data)
    if changed:
        raise UserError(
            f"{run.id} was run on other data: {', '.join(changed)}. `--fresh` trains again and moves the old "
            "run aside"
        )
    told = software_changes(before, software(), describe_components(offers))
    if told:
        notes.append(f"not the same software as before, results may differ: {'; '.join(told)}")
    state: Literal["resumed", "finished"] = "finished" if before.state == "finished" else "resumed"
    return OpenedRun(experiment, run, before, access, state, tuple(notes), _local_files(offers))


def _local_files(offers: Sequence[Provided]) -> tuple[Path, ...]:
    return tuple(sorted({offer.origin.file for offer in offers if offer.origin.file is not None}))


def _new_record(
    run: RunDirectory, experiment: Experiment, offers: Sequence[Provided], data: dict[str, str]
) -> Record:
    return Record(
        id=run.id,
        state="interrupted",
        started=now(),
        updated=now(),
        attempts=0,
        epochs=experiment.training.epochs,
        monitor=experiment.training.monitor,
        data=data,
        components=describe_components(offers),
        software=software(),
        machine=machine(),
        git=git_revision(Path.cwd()),
    )
