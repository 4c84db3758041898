"""`mabe export`: write a model into a folder that others can run."""

from __future__ import annotations

from pathlib import Path

import click

from mabe_core.cli import completing, options
from mabe_core.cli.trusting import trust_option


@click.command("export")
@click.argument("reference", metavar="MODEL", shell_complete=completing.models_and_runs)
@click.option(
    "-o",
    "--output",
    "folder",
    metavar="DIR",
    required=True,
    type=click.Path(path_type=Path),
    help="the folder to write, which is not there yet",
)
@click.option("--onnx/--no-onnx", "with_onnx", default=True, show_default=True, help="also write model.onnx")
@options.runs_dir
@options.models_dir
@trust_option
def command(reference: str, folder: Path, with_onnx: bool, runs_dir: Path, models_dir: Path) -> None:
    """Write MODEL into a folder that another person can use with `mabe predict` and nothing else.

    MODEL is NAME@ALIAS, NAME@VERSION, NAME, or the ID of a run, also one of a study's, whose best checkpoint
    is taken. The folder holds weights, experiment, plugin files, a model card, and ONNX where the model
    allows.
    """
    from rich.filesize import decimal

    from mabe_core.models.exporting import export
    from mabe_core.models.finding import find_model
    from mabe_core.models.onnx import TOLERANCE

    source = find_model(reference, runs_dir, models_dir)
    for note in source.notes:
        options.warn(note)
    exported = export(source, folder, runs_dir, with_onnx=with_onnx)
    click.echo(f"{source.told}\n")
    for name in exported.files:
        click.echo(f"  {exported.folder / name}  {decimal((exported.folder / name).stat().st_size)}")
    if exported.onnx is not None:
        click.echo(
            f"\nmodel.onnx takes any number of windows, and gives torch's scores to {exported.onnx:.1e} "
            f"(at most {TOLERANCE:.0e})"
        )
    elif with_onnx:
        options.warn(f"there is no model.onnx: {exported.why_not}")
    click.echo(f"\nnext: mabe predict {exported.folder} POSE_FILE...")
