"""Opens the run of an experiment: new, to be resumed, or finished; and says what differs from before."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import attrs

from mabe_core.data.fingerprint import fingerprint
from mabe_core.errors import UserError
from mabe_core.exchange import DataAccess
from mabe_core.experiment import Experiment
from mabe_core.registry import Loaded, Origin, Provided, Registry
from mabe_core.runs.changes import data_changes, machine_changes, software_changes
from mabe_core.runs.directory import RunDirectory, copy_plugins
from mabe_core.runs.files import write_whole
from mabe_core.runs.holding import held_by_other
from mabe_core.runs.identity import experiment_id, providers
from mabe_core.runs.record import (
    DamagedRunError,
    Record,
    describe_components,
    git_revision,
    machine,
    now,
    read_record,
    software,
)
from mabe_core.runs.sent import SentExperiment
from mabe_core.runs.watchers import watchers

State = Literal["new", "resumed", "finished"]


@attrs.define(eq=False)
class OpenedRun:
    """A run that is ready to be trained, or has been.

    laid_out: the record that a new run of this experiment has, here and now. plugin_files: names and contents
    of the local plugin files, as they were hashed. sent: what other processes are told of it. aside: where
    `--fresh` is to move what is there now. locked: whether a lock keeps others out, or somebody else does.
    watchers: the plugins that are told how it goes on.
    notes: what a user should be told before it goes on. kept: whether the run directory is this run's.
    """

    experiment: Experiment
    run: RunDirectory
    access: DataAccess
    laid_out: Record
    plugin_files: tuple[tuple[str, bytes], ...]
    sent: SentExperiment
    aside: Path | None = None
    locked: bool = True
    watchers: tuple[Loaded, ...] = ()
    record: Record = attrs.field(init=False)
    state: State = attrs.field(init=False)
    notes: tuple[str, ...] = attrs.field(init=False)
    kept: bool = attrs.field(init=False, default=False)

    def __attrs_post_init__(self) -> None:
        self._look()

    def refresh(self) -> None:
        """Look again at what is on disk; whoever trains does so once the run is held.

        So a run that another process trained since it was opened is resumed, or found finished, and `notes`
        says so. Raises UserError as open_run does.
        """
        state, record = self.state, self.record
        self._look()
        if self.state != state or self.record.attempts != record.attempts:
            self.notes = (*self.notes, f"another process ran it meanwhile: it is {self.record.state}")

    def _look(self) -> None:
        before = None if self.aside else self._before()
        self.kept = before is not None
        if before is None:
            self.state = "new"
            self.record = copy.deepcopy(self.laid_out)
            self.notes = (f"the earlier run will be moved to {self.aside}",) if self.aside else ()
            return
        changed = data_changes(before.data, self.laid_out.data)
        if changed:
            raise UserError(
                f"{self.run.id} was run on other data: {', '.join(changed)}. `--fresh` trains again and "
                "moves the old run aside"
            )
        told = {
            "software": software_changes(before, self.laid_out),
            "hardware": machine_changes(before.machine, self.laid_out.machine),
        }
        self.notes = tuple(
            f"not the same {what} as before, results may differ: {'; '.join(changes)}"
            for what, changes in told.items()
            if changes
        )
        self.state = "finished" if before.state == "finished" else "resumed"
        self.record = before if self.state == "finished" else _went_on(before, self.laid_out, told)

    def keep(self) -> None:
        """Write the run directory of a new run: the experiment, its local plugin files, the record.

        What `--fresh` replaces is moved aside now. To be called while the run is held, and before checkpoints
        are looked for. Raises UserError where another process began the run meanwhile.
        """
        if self.kept:
            return
        if self.aside is not None:
            if self.run.contents():
                self.run.set_aside(self.aside)
        elif self.run.record.exists():
            raise UserError(f"{self.run.id} was begun by another process meanwhile; run it again to go on")
        self.run.make()
        copy_plugins(self.run, self.plugin_files)
        write_whole(self.run.experiment, self.sent.experiment)
        self.record.save(self.run)
        self.kept = True

    def held(self) -> contextlib.AbstractContextManager[None]:
        """Hold the run directory, as RunDirectory.held does."""
        return self.run.held(locked=self.locked)

    def save(self) -> None:
        """Write the record; before `keep`, a new run has none, and that of an earlier run is let be."""
        if self.kept:
            self.record.save(self.run)

    def _before(self) -> Record | None:
        before = read_record(self.run)
        if before is None and self.run.has_results():
            raise DamagedRunError.of(self.run, "missing, but there are results")
        return before


def open_run(
    experiment: Experiment,
    registry: Registry,
    runs_dir: Path,
    access: DataAccess,
    *,
    fresh: bool = False,
    locked: bool = True,
) -> OpenedRun:
    """Find the run of an experiment, or lay out a new one; nothing is written before `keep`.

    locked: whether this process is to lock the run directory; where not, the caller keeps others out.
    Raises UserError where the data is other than the run was begun with or its record is damaged, unless
    `fresh`, which lets `keep` move the old run aside; and where another process runs it now.
    """
    run = RunDirectory(runs_dir / experiment_id(experiment, registry))
    offers = providers(experiment, registry)
    watching = watchers(experiment, registry)
    data = fingerprint(experiment.data.dataset, access)
    if locked and run.is_held():
        raise held_by_other(run.path)
    used = [*(offer.origin for offer in offers), *(each.origin for each in watching)]
    files = local_files(used)
    return OpenedRun(
        experiment,
        run,
        access,
        laid_out=_laid_out(run, experiment, offers, data),
        plugin_files=files,
        sent=SentExperiment.of(run.id, experiment, files, used),
        aside=run.aside() if fresh and run.contents() else None,
        locked=locked,
        watchers=watching,
    )


def local_files(origins: Sequence[Origin]) -> tuple[tuple[str, bytes], ...]:
    """Return the local plugin files, each once, under names that differ on every file system."""
    files: dict[str, tuple[Path, bytes]] = {}
    for origin in origins:
        if origin.file is not None and origin.content is not None:
            files.setdefault(str(origin.sha256), (origin.file, origin.content))
    names = [file.name.casefold() for file, _ in files.values()]
    return tuple(
        sorted(
            (f"{file.stem}_{sha256[:8]}.py" if names.count(file.name.casefold()) > 1 else file.name, content)
            for sha256, (file, content) in files.items()
        )
    )


def _went_on(before: Record, here: Record, told: dict[str, list[str]]) -> Record:
    """Return the record of a run that goes on with the software and hardware that are here."""
    changed = {what: changes for what, changes in told.items() if changes}
    return attrs.evolve(
        before,
        software=here.software,
        components=here.components,
        machine=here.machine,
        git=here.git,
        changes=[*before.changes, {"step": before.step, **changed}] if changed else before.changes,
    )


def _laid_out(
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
