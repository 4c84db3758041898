"""`mabe run`, also `mabe-run`: train an experiment, here or in the cloud."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import attrs
import click

from mabe_core.cli import completing, options
from mabe_core.cli.trusting import trust_option
from mabe_core.errors import Problem, UserError
from mabe_core.experiment import Document, read_document, resolve, to_text
from mabe_core.runs.study import Study, find
from mabe_core.trust import trust_used


@click.command("run", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("experiment", type=click.Path(path_type=Path), required=False)
@click.option(
    "--resume",
    metavar="ID",
    shell_complete=completing.run_and_study_ids,
    help="go on with the run or study of this id, or of this beginning of one",
)
@click.option(
    "--set", "settings", metavar="KEY=VALUE", multiple=True, help="change a value of the experiment"
)
@options.plugin_files
@options.runs_dir
@options.data_dir
@click.option("--fresh", is_flag=True, help="train again from the start; an earlier run is moved aside")
@click.option("--dry-run", is_flag=True, help="print the complete experiment and its id, and train nothing")
@click.option("--device", metavar="DEVICE", help="auto, cpu, cuda or cuda:N, whatever the experiment says")
@click.option(
    "--num-gpus",
    metavar="N",
    type=click.IntRange(1),
    help="share each batch among so many processes, each with a GPU of its own",
)
@click.option("--jobs", metavar="N", type=click.IntRange(1), help="of a study: run so many members at once")
@click.option("--cloud", "in_cloud", is_flag=True, help="train on Modal, and keep the run on a volume there")
@click.option("--detach", is_flag=True, help="in the cloud: return once it is launched")
@click.option("--gpu", metavar="GPU", help="in the cloud: T4, A10G, L4, L40S, A100, H100, H200, or H100:2")
@click.option(
    "--max-containers",
    "most",
    metavar="N",
    type=click.IntRange(1),
    help="of a study in the cloud: so many members at once  [default: 10]",
)
@click.option("--timeout", metavar="TIME", help="in the cloud: the limit of one attempt, such as 6h")
@trust_option
def command(
    experiment: Path | None,
    resume: str | None,
    settings: tuple[str, ...],
    plugin_files: tuple[Path, ...],
    runs_dir: Path,
    data_dir: Path | None,
    fresh: bool,
    dry_run: bool,
    device: str | None,
    num_gpus: int | None,
    jobs: int | None,
    in_cloud: bool,
    detach: bool,
    gpu: str | None,
    most: int | None,
    timeout: str | None,
) -> None:
    """Train the EXPERIMENT, a YAML file: what is missing of it, from its last checkpoint on.

    Of a file with a `study`, train all experiments that it stands for.
    """
    if not in_cloud and (detach or gpu or timeout or most):
        raise click.UsageError("--detach, --gpu, --max-containers and --timeout go with --cloud")
    if in_cloud and resume is not None:
        raise click.UsageError(
            "--resume goes on with a run that is here; with --cloud, name the EXPERIMENT file"
        )
    if in_cloud and num_gpus is not None:
        raise click.UsageError("--num-gpus is for this machine; with --cloud, say --gpu H100:2")
    if settings and resume is not None:
        raise click.UsageError("--resume goes on with the same experiment, so --set cannot change it")
    if (experiment is None) == (resume is None):
        raise click.UsageError("name an EXPERIMENT file, or --resume an ID")
    resumed = find(runs_dir, resume) if resume is not None else None
    run_id = resumed.id if resumed is not None else None
    given = {"device": device, "processes": num_gpus, "cloud.gpu": gpu, "cloud.timeout": timeout}
    overrides = [f"{key}={value}" for key, value in given.items() if value is not None]
    file = runs_dir / run_id / "experiment.yaml" if run_id is not None else experiment
    assert file is not None, "one of the two is given"

    def read(words: Sequence[str]) -> Document:
        if isinstance(resumed, Study):
            from mabe_core.studies.keeping import document_of

            return document_of(resumed, runs_dir / resumed.id, words)
        return read_document(file, words)

    document = read((*settings, *overrides))
    volume = os.environ.get("MABE_VOLUME")
    if in_cloud and volume and document.written(("cloud", "volume")) is None:
        document = read((*settings, *overrides, f"cloud.volume={volume}"))
    if document.has_study:
        from mabe_core.cli.study_run import MOST_CONTAINERS, StudyOptions, run_study

        if in_cloud and jobs is not None:
            raise click.UsageError("--jobs is for this machine; with --cloud, say --max-containers")
        study_options = StudyOptions(
            runs_dir=runs_dir,
            access=options.data_access(data_dir),
            plugin_files=plugin_files,
            settings=settings,
            jobs=jobs or 1,
            fresh=fresh,
            dry_run=dry_run,
            in_cloud=in_cloud,
            detach=detach,
            most=most or MOST_CONTAINERS,
            resumed=run_id,
        )
        sys.exit(run_study(document, study_options))
    if jobs is not None or most is not None:
        raise click.UsageError(f"--jobs and --max-containers go with a study, and {file} has none")
    registry = options.registry_of(document, plugin_files)
    asked = resolve(document, registry)
    options.warn_deprecated(asked)
    if dry_run:
        from mabe_core.runs.identity import experiment_id

        click.echo(f"# {experiment_id(asked, registry)}\n{to_text(asked)}", nl=False)
        return
    trust_used(plugin.origin for plugin in registry.plugins)
    try:
        if in_cloud:
            from mabe_core.cli.cloud_run import run_in_cloud

            sys.exit(run_in_cloud(asked, registry, fresh=fresh, detach=detach))
        from mabe_core.cli.run_here import train_here

        train_here(asked, registry, runs_dir, options.data_access(data_dir), run_id=run_id, fresh=fresh)
    except UserError as error:
        raise UserError(_located(problem, document) for problem in error.problems) from error


def _located(problem: Problem, document: Document) -> Problem:
    """Add file and line to a problem that names a key of the experiment."""
    if problem.location is not None or not problem.path:
        return problem
    keys = tuple(int(key) if key.isdigit() else key for key in problem.path.split("."))
    return attrs.evolve(problem, location=document.location(keys))
