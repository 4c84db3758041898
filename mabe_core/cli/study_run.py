"""`mabe run STUDY`: run what is missing of a study, here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs

from mabe_core.cli import options
from mabe_core.cli.study_telling import (
    experiments,
    most_cost,
    tell_best,
    tell_end,
    tell_means,
    tell_members,
    tell_trials,
)
from mabe_core.cloud.outcome import Outcome
from mabe_core.errors import UserError
from mabe_core.exchange import DataAccess
from mabe_core.experiment import Document
from mabe_core.reports.console import console
from mabe_core.runs.directory import RunDirectory
from mabe_core.runs.holding import hold
from mabe_core.runs.record import read_record
from mabe_core.runs.study import Trial
from mabe_core.studies.display import StudyDisplay
from mabe_core.studies.expansion import MemberExperiment, refuse_overridden, study_file
from mabe_core.studies.here import AllAtOnce, Source, run_here
from mabe_core.studies.keeping import KeptStudy
from mabe_core.studies.place import Place
from mabe_core.studies.sampling import Space, space
from mabe_core.studies.states import check_data, state_of
from mabe_core.studies.summary import Row
from mabe_core.studies.trials import Trials
from mabe_core.training.interruption import StopRequest
from mabe_core.trust import trust_used

# what an account without a contract is lent at once
MOST_CONTAINERS = 10


@attrs.frozen(kw_only=True)
class StudyOptions:
    """What the command line asks for, beside the study's file.

    settings: of `--set`. resumed: the id of the study that is gone on with, by `--resume`. most: containers
    at once, in the cloud.
    """

    runs_dir: Path
    access: DataAccess
    plugin_files: tuple[Path, ...]
    settings: Sequence[str]
    jobs: int
    fresh: bool
    dry_run: bool
    in_cloud: bool
    detach: bool
    most: int
    resumed: str | None = None


def run_study(document: Document, asked: StudyOptions) -> int:
    """Run the members of a study that are missing; return the exit status."""
    kept = _open(document, asked)
    drawn_from = space(kept.file) if kept.file.samples else None
    if asked.in_cloud:
        from mabe_core.cli.study_cloud import CloudOptions, run_study_in_cloud

        in_cloud = CloudOptions(
            most=asked.most, fresh=asked.fresh, detach=asked.detach, dry_run=asked.dry_run
        )
        return run_study_in_cloud(kept, drawn_from, in_cloud)
    if drawn_from is not None:
        return _run_sampled(kept, drawn_from, asked)
    rows = _rows(kept, kept.members)
    missing = [member for member, stands in rows if asked.fresh or stands.state != "finished"]
    if asked.dry_run:
        tell_members(kept, rows, len(missing))
        _tell_cost(kept, len(missing), asked)
        return 0
    check_data(kept.members, asked.runs_dir, asked.access, compare=not asked.fresh)
    _check_splits(missing, asked)
    kept.write_plugins()
    kept.write(kept.members)
    outcomes, stop = _run(kept, AllAtOnce(missing), kept.members, asked)
    tell_means(kept, _rows(kept, kept.members))
    return _end(kept, outcomes, stop)


def _open(document: Document, asked: StudyOptions) -> KeptStudy:
    """Resolve and expand a study; raise UserError with all that is wrong."""
    registry = options.registry_of(document, asked.plugin_files)
    file = study_file(document, registry)
    refuse_overridden(file, asked.settings)
    options.warn_deprecated(file.experiment)
    kept = KeptStudy.of(file, asked.runs_dir)
    if not asked.dry_run:
        trust_used(plugin.origin for plugin in registry.plugins)
    if asked.resumed is not None and kept.id != asked.resumed:
        raise UserError(
            f"{asked.resumed}/study.json now stands for {kept.id}: it or a file in {asked.resumed}/plugins "
            "was edited, or a component has another version now. Put back what it was, or run its own file"
        )
    return kept


def _rows(kept: KeptStudy, members: Sequence[MemberExperiment]) -> list[Row]:
    return [(member, state_of(RunDirectory(kept.runs_dir / member.id))) for member in members]


def _run_sampled(kept: KeptStudy, space: Space, asked: StudyOptions) -> int:
    known = () if asked.fresh else kept.trials
    if asked.dry_run:
        tell_trials(kept, space, known)
        ended = sum(trial.state == "finished" for trial in known)
        _tell_cost(kept, kept.total - kept.file.plan.size * ended, asked)
        return 0

    def best_of(member_id: str) -> float | None:
        record = read_record(RunDirectory(asked.runs_dir / member_id))
        return record.best if record is not None and record.state == "finished" else None

    def save(trials: Sequence[Trial], members: Mapping[str, MemberExperiment]) -> None:
        kept.write(members.values(), trials)

    _check_splits(kept.file.members(), asked)  # a trial splits as the study's base does, or it fails alone
    with hold(kept.folder):  # two that draw at once would write over each other's trials
        kept.write_plugins()
        trials = Trials(kept.file, space, known, best_of=best_of, save=save)
        members = tuple(trials.members.values()) or kept.members
        check_data(members, asked.runs_dir, asked.access, compare=not asked.fresh)
        outcomes, stop = _run(kept, trials, tuple(trials.members.values()), asked)
    tell_best(kept, space, trials.trials)
    return _end(kept, outcomes, stop)


def _check_splits(members: Sequence[MemberExperiment], asked: StudyOptions) -> None:
    from mabe_core.studies.splits import check_splits  # which loads torch

    check_splits(members, asked.access)


def _tell_cost(kept: KeptStudy, missing: int, asked: StudyOptions) -> None:
    if missing:
        console().print(f"with --cloud: {most_cost(kept, missing, asked.most)}")


def _run(
    kept: KeptStudy, source: Source, members: Sequence[MemberExperiment], asked: StudyOptions
) -> tuple[dict[str, Outcome], StopRequest]:
    screen = console()
    place = Place(
        runs_dir=asked.runs_dir,
        access=asked.access,
        plugin_files=asked.plugin_files,
        jobs=asked.jobs,
        fresh=asked.fresh,
    )
    rows = () if asked.fresh else _rows(kept, members)
    done = [member.id for member, stands in rows if stands.state == "finished"]
    screen.print(f"{kept.id}: {experiments(kept.total)}, {len(done)} finished; in {kept.runs_dir}")
    if len(done) >= kept.total:
        screen.print("nothing is missing; `--fresh` trains all of it again")
    elif place.threads is not None:
        threads = "one CPU thread" if place.threads == 1 else f"{place.threads} CPU threads"
        screen.print(f"{place.jobs} at once, {threads} each, unless an experiment says `threads`")
    with StopRequest().listening() as stop, StudyDisplay(screen, kept.total, done) as display:
        return run_here(place, source, display, stop), stop


def _end(kept: KeptStudy, outcomes: dict[str, Outcome], stop: StopRequest) -> int:
    if stop.signum is None:
        return tell_end(kept, outcomes)
    failed = {each: outcome for each, outcome in outcomes.items() if outcome.state == "failed"}
    tell_end(kept, failed)
    raise stop.interrupted(f"{kept.id} is stopped; what was going on is saved")
