"""`mabe schema`: what editors complete and check experiment files by."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from mabe_core.cli import options


def write_schema(folder: Path, plugin_files: Sequence[Path]) -> list[Path]:
    """Write the schema into a folder of experiments where there is none; return what was written."""
    from mabe_core.experiment.json_schema import FILE, schema_text
    from mabe_core.runs.files import write_whole

    file = folder / FILE
    if file.exists():
        return []
    write_whole(file, schema_text(options.registry(plugin_files)))
    return [file]


@click.command("schema")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="the file to write; without it, the schema is printed",
)
@options.plugin_files
def command(output: Path | None, plugin_files: tuple[Path, ...]) -> None:
    """Write the JSON Schema of experiment files, for all plugins that are there."""
    from mabe_core.experiment.json_schema import EDITOR_COMMENT, schema_text
    from mabe_core.runs.files import write_whole

    text = schema_text(options.registry(plugin_files))
    if output is None:
        click.echo(text, nl=False)
        return
    write_whole(output, text)
    click.echo(f"wrote {output}. Editors follow this line at the top of an experiment beside it:\n")
    click.echo(f"{EDITOR_COMMENT}{output.name}")
