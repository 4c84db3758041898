"""`mabe init`: a folder to work in."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("init")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
def command(folder: Path) -> None:
    """Begin a folder of experiments in DIR: an experiment and a plugin to start from, and what an editor and
    git want to know. What is there already is left as it is."""
    from mabe_core.cli.cmd_schema import write_schema
    from mabe_core.scaffold import new_folder, write_missing

    files = new_folder()
    written = [*write_missing(folder, files), *write_schema(folder, [folder / "my_model.py"])]
    for file in sorted({*(folder / place for place in files), *written}):
        click.echo(f"wrote {file}" if file in written else f"kept {file}, which was there")
    click.echo(f"\nnext:\n  cd {folder}\n  mabe-run my_model.yaml")
