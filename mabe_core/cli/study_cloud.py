"""`mabe run STUDY --cloud`, and what the other commands of the cloud do with a study."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import attrs
import click

from mabe_core.cli import say_error
from mabe_core.cli.cloud import Place, connect
from mabe_core.cli.study_telling import (
    experiments,
    most_cost,
    tell_best,
    tell_end,
    tell_means,
    tell_members,
    tell_trials,
)
from mabe_core.cloud.runs import TOGETHER, cloud_runs, read_cloud_record, volume_ids
from mabe_core.cloud.service import CloudError, ConnectionLostError, Files
from mabe_core.errors import UserError
from mabe_core.reports.console import console
from mabe_core.runs.settings import settings_text
from mabe_core.runs.study import Study, Trial
from mabe_core.studies.display import StudyDisplay
from mabe_core.studies.expansion import MemberExperiment
from mabe_core.studies.here import AllAtOnce, Source
from mabe_core.studies.in_cloud import CloudPlace, run_in_cloud
from mabe_core.studies.keeping import KeptStudy
from mabe_core.studies.on_volume import bring_study, get_study, put_study
from mabe_core.studies.sampling import Space
from mabe_core.studies.states import MemberState
from mabe_core.studies.summary import Row
from mabe_core.studies.trials import Trials


@attrs.frozen(kw_only=True)
class CloudOptions:
    """What the command line asks for. most: containers at once that one launch may use."""

    most: int
    fresh: bool
    detach: bool
    dry_run: bool


def run_study_in_cloud(kept: KeptStudy, space: Space | None, asked: CloudOptions) -> int:
    """Launch the members that are missing, and show how they go on; return the exit status."""
    if space is not None and asked.detach:
        raise UserError(
            "a study that samples cannot be detached from: what is tried next depends on what came of the "
            "trials before. Leave --detach out; the same command goes on wherever it was cut off"
        )
    cloud = kept.file.experiment.cloud
    place = connect(cloud.volume, cloud.profile)
    found = place.account.files(cloud.volume)
    earlier = get_study(found, kept.id) if found is not None and space is not None else None
    known = earlier.trials if earlier is not None and not asked.fresh else ()
    rows = _rows(place, kept.members)
    done = [] if asked.fresh else [member.id for member, stands in rows if stands.state == "finished"]
    if asked.dry_run:
        tell_members(kept, rows, len(rows) - len(done)) if space is None else tell_trials(kept, space, known)
    missing = kept.total - len(done) - kept.file.plan.size * sum(trial.state == "finished" for trial in known)
    if missing > 0:
        console().print(f"to run in the cloud: {most_cost(kept, missing, asked.most)}")
    if asked.dry_run:
        return 0
    files = place.account.files(cloud.volume, create=True)
    assert files is not None, "it was created"
    in_cloud = CloudPlace(
        account=place.account,
        volume=cloud.volume,
        registry=kept.file.registry,
        study=kept.id,
        most=asked.most,
        fresh=asked.fresh,
    )
    source: Source = AllAtOnce(kept.members)
    if space is not None:
        source = _trials(kept, space, known, files)
    else:
        put_study(files, kept.study(kept.members), kept.plugin_files)
    status = _run(kept, place, in_cloud, source, done, detach=asked.detach)
    if isinstance(source, Trials) and space is not None:
        tell_best(kept, space, source.trials)
    elif not asked.detach and status != 130:
        tell_means(kept, _rows(place, kept.members))
    return status


def _trials(kept: KeptStudy, space: Space, known: Sequence[Trial], files: Files) -> Trials:
    def best_of(member_id: str) -> float | None:
        record = read_cloud_record(files, member_id)
        return record.best if record is not None and record.state == "finished" else None

    def save(trials: Sequence[Trial], members: Mapping[str, MemberExperiment]) -> None:
        put_study(files, kept.study(members.values(), trials), kept.plugin_files)

    return Trials(kept.file, space, known, best_of=best_of, save=save)


def _run(
    kept: KeptStudy,
    place: Place,
    in_cloud: CloudPlace,
    source: Source,
    done: Sequence[str],
    *,
    detach: bool,
) -> int:
    screen = console()
    screen.print(f"{kept.id}: {experiments(kept.total)}, {len(done)} finished; on volume {place.volume}")
    try:
        with StudyDisplay(screen, kept.total, done) as display:
            outcomes = run_in_cloud(in_cloud, source, display, detach=detach)
    except KeyboardInterrupt:
        click.echo()
        _tell_detached(kept, place)
        return 130
    except (CloudError, ConnectionLostError) as error:
        say_error(error)
        _tell_detached(kept, place)
        return error.exit_code
    if detach:
        _tell_detached(kept, place)
        return 0
    return tell_end(kept, outcomes)


def _rows(place: Place, members: Sequence[MemberExperiment]) -> list[Row]:
    """Return how members stand in the cloud."""
    found = cloud_runs(place.account, place.volume, [member.id for member in members])
    return [(member, MemberState(run.state, run.record)) for member, run in zip(members, found, strict=True)]


def _tell_detached(kept: KeptStudy, place: Place) -> None:
    words = f"{kept.id}{place.options}"
    click.echo(
        f"what was launched of {kept.id} goes on in the cloud; the same command shows it again, and launches "
        "what was not.\n"
        f"  mabe stop {words}     stops all of it; what was saved stays\n"
        f"  mabe pull {words}     brings its runs here"
    )


def pull_study(place: Place, study: Study, pull: Callable[[str], None], runs_dir: Path) -> int:
    """Bring a study and its members; tell which have nothing on the volume yet; return the exit status."""
    bring_study(place.files(), study, runs_dir)
    there = set(volume_ids(place.files()))
    for member in study.members:
        if member.id in there:
            pull(member.id)
    lacking = [member.id for member in study.members if member.id not in there]
    if lacking:
        click.echo(f"nothing on the volume yet of {', '.join(lacking)}", err=True)
    click.echo(
        f"study id  {study.id}, {len(study.members) - len(lacking)} of {experiments(len(study.members))}"
    )
    return 1 if lacking else 0


def stop_study(place: Place, study: Study, stop: Callable[[str], None]) -> None:
    """Ask all members that run to stop before the first is waited for, so that none takes another's place."""
    claims = place.claims()
    current = claims.all()
    live = [current[member.id] for member in study.members if member.id in current]
    for claim in live:
        claims.ask_to_stop(claim)
    with ThreadPoolExecutor(TOGETHER) as pool:
        list(pool.map(lambda claim: stop(claim.id), live))
    if not live:
        click.echo(f"no member of {study.id} runs")


def name_a_member(study: Study) -> UserError:
    """Return the error that says that a command is for one run."""
    told = "".join(f"\n  {each.id}  {settings_text(each.settings)}" for each in study.members)
    return UserError(f"{study.id} is a study; name one of its members:{told}")
