"""`mabe predict`: label recordings with a trained model, or with those of a study."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from mabe_core.cli import completing, options
from mabe_core.cli.trusting import trust_option
from mabe_core.inference.formats import FORMATS, check_format, check_suffix


@click.command("predict")
@click.argument("model", metavar="MODEL", shell_complete=completing.models_and_runs)
@click.argument("poses", metavar="POSE…", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--data",
    "data_file",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="instead of POSE files: all recordings of the data section of this experiment file",
)
@click.option(
    "--format",
    "form",
    metavar="FORMAT",
    default="csv",
    show_default=True,
    shell_complete=completing.among({name: form.help for name, form in FORMATS.items()}),
    help="; ".join(f"{name}: {form.help}" for name, form in FORMATS.items()),
)
@click.option("--frames", is_flag=True, help="csv: a row a frame, with every class's probability")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("predictions"),
    show_default=True,
    help="a folder, which gets a file a recording; or, with a suffix, one file for all",
)
@click.option("--force", is_flag=True, help="overwrite files that are there")
@click.option(
    "--fps", type=click.FloatRange(min=0, min_open=True), help="frames a second of files that do not tell"
)
@options.names
@click.option("--individuals", metavar="NAME,NAME", help="which individuals of the file, agent first")
@click.option("--resample", is_flag=True, help="bring another frame rate to the model's")
@click.option(
    "--pose-reader", metavar="NAME", help="what reads the files; by default what the model's were read by"
)
@options.plugin_files
@options.runs_dir
@options.models_dir
@options.data_dir
@options.device
@trust_option
def command(
    model: str,
    poses: tuple[Path, ...],
    data_file: Path | None,
    form: str,
    frames: bool,
    output: Path,
    force: bool,
    fps: float | None,
    names: dict[str, str],
    individuals: str | None,
    resample: bool,
    pose_reader: str | None,
    plugin_files: tuple[Path, ...],
    runs_dir: Path,
    models_dir: Path,
    data_dir: Path | None,
    device: str,
) -> None:
    """Label the recordings in POSE files, or in all files of a folder, with MODEL, and write their bouts.

    MODEL is the id of a run or its beginning, a name of `mabe models`, a folder, or the id of a study, whose
    members' probabilities are averaged. A file that cannot be read does not stop the others; the exit status
    is then 1.
    """
    if bool(poses) == (data_file is not None):
        raise click.UsageError("name POSE files, or an experiment file with --data")
    check_format(form, frames=frames)
    if output.suffix and not output.is_dir():
        check_suffix(output, form)
    if data_file is None and form == "kaggle":
        raise click.UsageError(
            "kaggle has rows for what the challenge's table lists: name an experiment file whose dataset is "
            "mabe_kaggle with --data, not POSE files"
        )
    if data_file is not None and (fps or individuals or pose_reader):
        raise click.UsageError("--fps, --individuals and --pose-reader go with POSE files, not with --data")
    from mabe_core.cli.predicting import Output, Predicting
    from mabe_core.inference.fitting import Asked
    from mabe_core.inference.loading import open_model

    trained = open_model(model, runs_dir, models_dir, device=device)
    who = tuple(name.strip() for name in (individuals or "").split(",") if name.strip())
    predicting = Predicting(trained, Asked(fps, names, who, resample), Output(output, form, frames, force))
    predicting.introduce()
    if data_file is not None:
        dataset = options.other_experiment(data_file, plugin_files)
        predicting.experiment(dataset, options.data_access(data_dir))
    else:
        predicting.files(poses, pose_reader, options.registry(plugin_files) if pose_reader else None)
    sys.exit(1 if predicting.failed else 0)
