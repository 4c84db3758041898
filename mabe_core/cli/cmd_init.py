"""`mabe init`: a folder to work in."""

from __future__ import annotations

import shlex
from pathlib import Path

import click


def _folder(_: click.Context, __: click.Parameter, word: str) -> Path:
    if not word:
        raise click.BadParameter("name a folder; `.` is the one that you are in")
    return Path(word)


@click.command("init")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False), callback=_folder)
def command(folder: Path) -> None:
    """Begin a folder of experiments in DIR: an experiment and a plugin to start from, and what an editor and
    git want to know. What is there already is left as it is."""
    from mabe_core.cli.cmd_schema import renew_schema
    from mabe_core.scaffold import new_folder, write_missing

    files = new_folder()
    written = write_missing(folder, files)
    for file in sorted(folder / place for place in files):
        click.echo(f"wrote {file}" if file in written else f"kept {file}, which was there")
    done, schema = renew_schema(folder, [file for file in written if file.suffix == ".py"])
    click.echo(f"{done} {schema}{', which was there' if done == 'kept' else ''}")
    click.echo("\nnext:")
    if folder.resolve() != Path.cwd():
        name = str(folder)
        click.echo(f"  cd {shlex.quote(f'./{name}' if name.startswith('-') else name)}")
    click.echo("  mabe-run my_model.yaml")
