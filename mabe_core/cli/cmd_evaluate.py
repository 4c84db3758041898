"""`mabe evaluate`: the scores of a trained model, or of a study's, on recordings with labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mabe_core.cli import completing, options
from mabe_core.cli.trusting import trust_option
from mabe_core.errors import UserError
from mabe_core.exchange import DataAccess, Role

if TYPE_CHECKING:
    from mabe_core.experiment import Experiment
    from mabe_core.inference.evaluating import Evaluated
    from mabe_core.inference.study_scores import MemberScores
    from mabe_core.models.finding import ModelSource
    from mabe_core.runs.study import Study


@click.command("evaluate")
@click.argument("model", metavar="MODEL", shell_complete=completing.models_and_runs)
@click.option(
    "--part",
    type=click.Choice(["train", "validation", "test"]),
    help="the part of its own data; by default test where its split has one, else validation",
)
@click.option(
    "--data",
    "data_file",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="instead: all recordings of the data section of this experiment file",
)
@options.names
@options.plugin_files
@options.runs_dir
@options.models_dir
@options.data_dir
@options.device
@options.as_json
@click.option("--csv", "as_csv", is_flag=True, help="print CSV, exact values")
@trust_option
def command(
    model: str,
    part: Role | None,
    data_file: Path | None,
    names: dict[str, str],
    plugin_files: tuple[Path, ...],
    runs_dir: Path,
    models_dir: Path,
    data_dir: Path | None,
    device: str,
    as_json: bool,
    as_csv: bool,
) -> None:
    """Print the scores of MODEL on recordings that it was not trained on: over all frames, and by recording.

    MODEL is the id of a run or a study, or its beginning, a name of `mabe models`, or a folder. Of a study,
    each member is scored on what was held out for it; folds are pooled, seeds give mean and spread. The
    mean of the models, as `mabe predict` uses a study, is scored too, and that of each setting's: each
    recording by those that were not trained on it.
    """
    if part is not None and data_file is not None:
        raise click.UsageError("--part names a part of the model's own data; --data brings other data")
    if as_json and as_csv:
        raise click.UsageError("--json and --csv are two ways to print the same")
    from mabe_core.cli import evaluation
    from mabe_core.models.finding import find_model, find_study

    access = options.data_access(data_dir)
    other = None if data_file is None else options.other_experiment(data_file, plugin_files)
    called = str(data_file or "")

    def scores_of(source: ModelSource) -> Evaluated:
        return _scores(source, part, other, called, names, access, device)

    study = find_study(model, runs_dir, models_dir)
    if study is None:
        evaluated = scores_of(find_model(model, runs_dir, models_dir))
        evaluation.say(evaluated, as_json=as_json, as_csv=as_csv)
        return
    members = _members(study, runs_dir, models_dir)
    found: list[MemberScores] = []
    from mabe_core.inference.ensemble import ensemble_scores, setting_ensembles
    from mabe_core.inference.study_scores import MemberScores, setting_scores

    for settings, source in members:
        found.append(MemberScores(settings, source, scores_of(source)))
    missing = len(study.members) - len(found)
    together = ensemble_scores(found) if other is None else None
    rows = setting_scores(found)
    # of one setting, that is all members together
    each = setting_ensembles(found) if other is None and len(rows) > 1 else [None] * len(rows)
    evaluation.say_study(
        study, list(zip(rows, each, strict=True)), found, together, missing, as_json=as_json, as_csv=as_csv
    )


def _members(study: Study, runs_dir: Path, models_dir: Path) -> list[tuple[dict[str, object], ModelSource]]:
    """Return the members that are trained, each with what makes it differ."""
    from mabe_core.models.finding import find_model
    from mabe_core.runs.checkpoints import read_pointer

    runs = zip(study.members, study.runs(runs_dir), strict=True)
    found = [
        (member.settings, find_model(member.id, runs_dir, models_dir))
        for member, run in runs
        if read_pointer(run.best)
    ]
    if not found:
        raise UserError(f"no member of {study.id} is trained yet: `mabe-run --resume {study.id}` goes on")
    return found


def _scores(
    source: ModelSource,
    part: Role | None,
    other: Experiment | None,
    called: str,
    names: dict[str, str],
    access: DataAccess,
    device: str,
) -> Evaluated:
    from mabe_core.inference.evaluating import own_scores, scores_on
    from mabe_core.inference.loading import load_member
    from mabe_core.reports.console import console
    from mabe_core.reports.progress import ProgressDisplay

    if other is not None:
        return scores_on(load_member(source, device), other, called, access, names)
    screen = console(stderr=True)
    with ProgressDisplay(screen) as display:
        return own_scores(source, part, access, device=device, observe=display)
