"""`mabe run STUDY`: run what is missing of a study, here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs

from mabe_core.cli import options, say_error
from mabe_core.cloud.outcome import Outcome
from mabe_core.errors import RunError, UserError
from mabe_core.exchange import DataAccess
from mabe_core.experiment import Document
from mabe_core.reports.console import console
from mabe_core.runs.directory import RunDirectory
from mabe_core.runs.holding import hold
from mabe_core.runs.record import read_record
from mabe_core.runs.study import Trial
from mabe_core.studies.display import StudyDisplay
from mabe_core.studies.expansion import MemberExperiment, refuse_overridden, study_file
from mabe_core.studies.here import AllAtOnce, Place, Source, run_here
from mabe_core.studies.keeping import KeptStudy
from mabe_core.studies.sampling import Space, space
from mabe_core.studies.states import check_data, state_of
from mabe_core.studies.summary import Row, best_trial, means_table, members_table
from mabe_core.studies.trials import Trials
from mabe_core.training.interruption import StopRequest


@attrs.frozen(kw_only=True)
class StudyOptions:
    """What the command line asks for, beside the study's file.

    settings: of `--set`. resumed: the id of the study that is gone on with, by `--resume`.
    """

    runs_dir: Path
    access: DataAccess
    plugin_files: tuple[Path, ...]
    settings: Sequence[str]
    jobs: int
    fresh: bool
    dry_run: bool
    resumed: str | None = None


def run_study(document: Document, asked: StudyOptions) -> int:
    """Run the members of a study that are missing; return the exit status."""
    kept = open_study(document, asked)
    if asked.dry_run:
        tell_plan(kept, rows_of(kept, kept.members))
        return 0
    if kept.file.samples:
        return _run_sampled(kept, space(kept.file), asked)
    check_data(kept.members, asked.runs_dir, asked.access, compare=not asked.fresh)
    kept.write_plugins()
    kept.write(kept.members)
    return _run(kept, AllAtOnce(kept.members), kept.members, asked)


def open_study(document: Document, asked: StudyOptions) -> KeptStudy:
    """Resolve and expand a study; raise UserError with all that is wrong."""
    registry = options.registry((*document.plugin_files, *asked.plugin_files))
    file = study_file(document, registry)
    refuse_overridden(file, asked.settings)
    options.warn_deprecated(file.experiment)
    kept = KeptStudy.of(file, asked.runs_dir)
    if asked.resumed is not None and kept.id != asked.resumed:
        raise UserError(
            f"{asked.resumed}/study.json now stands for {kept.id}: it or a file in {asked.resumed}/plugins "
            "was edited, or a component has another version now. Put back what it was, or run the study's file"
        )
    return kept


def rows_of(kept: KeptStudy, members: Sequence[MemberExperiment]) -> list[Row]:
    """Return how members stand."""
    return [(member, state_of(RunDirectory(kept.runs_dir / member.id))) for member in members]


def tell_plan(kept: KeptStudy, rows: Sequence[Row]) -> None:
    """Say which members there are, and what is missing of them."""
    screen = console()
    if kept.file.samples:
        sample = space(kept.file).sample
        done = sum(trial.state == "finished" for trial in kept.trials)
        each = kept.file.plan.size
        screen.print(
            f"{kept.id}: {sample.trials} trials by {sample.sampler}, each of {each} "
            f"{'experiment' if each == 1 else 'experiments'}; {done} trials are finished"
        )
        return
    screen.print(members_table(rows))
    screen.print(f"\n{kept.id}: {_counted(rows)}")


def _counted(rows: Sequence[Row]) -> str:
    done = sum(stands.state == "finished" for _, stands in rows)
    return f"{len(rows)} experiments, {done} finished, {len(rows) - done} to run"


def _run_sampled(kept: KeptStudy, space: Space, asked: StudyOptions) -> int:
    def best_of(member_id: str) -> float | None:
        record = read_record(RunDirectory(asked.runs_dir / member_id))
        return record.best if record is not None and record.state == "finished" else None

    def save(trials: Sequence[Trial], members: Mapping[str, MemberExperiment]) -> None:
        kept.write(members.values(), trials)

    with hold(kept.folder):
        kept.write_plugins()
        trials = Trials(kept.file, space, kept.trials, best_of=best_of, save=save)
        known = tuple(trials.members.values())
        check_data(known, asked.runs_dir, asked.access, compare=not asked.fresh)
        status = _run(kept, trials, known, asked)
    best = best_trial(trials.trials, lower_is_better=space.lower_is_better)
    if best is not None:
        screen = console()
        screen.print(f"\nbest of {len(trials.trials)} trials: number {best.number}, {best.value:.4f}")
        for key, value in best.settings.items():
            screen.print(f"  --set {key}={value}")
    return status


def _run(kept: KeptStudy, source: Source, members: Sequence[MemberExperiment], asked: StudyOptions) -> int:
    screen = console()
    rows = rows_of(kept, members)
    place = Place(
        runs_dir=asked.runs_dir,
        access=asked.access,
        plugin_files=asked.plugin_files,
        jobs=asked.jobs,
        fresh=asked.fresh,
    )
    done = 0 if asked.fresh else sum(stands.state == "finished" for _, stands in rows)
    screen.print(f"{kept.id}: {_counted(rows)}, in {kept.runs_dir}")
    if place.threads is not None:
        threads = "one CPU thread" if place.threads == 1 else f"{place.threads} CPU threads"
        screen.print(f"{place.jobs} at once, {threads} each; an experiment's own `threads` stay")
    with StopRequest().listening() as stop, StudyDisplay(screen, _total(kept), done) as display:
        outcomes = run_here(place, source, display, stop)
    return _tell_end(kept, outcomes, stop, asked)


def _total(kept: KeptStudy) -> int:
    sample = kept.file.experiment.study.sample if kept.file.experiment.study else None
    return kept.file.plan.size * (sample.trials if sample else 1)


def _tell_end(
    kept: KeptStudy, outcomes: Mapping[str, Outcome], stop: StopRequest, asked: StudyOptions
) -> int:
    """Tell what came of a study; return the exit status."""
    screen = console()
    finished = [
        (member, stands) for member, stands in rows_of(kept, kept.members) if stands.state == "finished"
    ]
    if len(finished) > 1:
        screen.print()
        screen.print(means_table(finished, kept.file.experiment.training.monitor))
    failed = {each: outcome for each, outcome in outcomes.items() if outcome.state == "failed"}
    for member_id, outcome in failed.items():
        say_error(RunError("\n".join([f"{member_id} failed: {outcome.problems[0]}", *outcome.problems[1:]])))
    if stop.signum is not None:
        raise stop.interrupted(f"{kept.id} stopped, and what was going on is saved")
    screen.print(f"\nstudy id  {kept.id}")
    return 1 if failed else 0
