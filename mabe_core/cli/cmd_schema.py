"""`mabe schema`: what editors complete and check experiment files by."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from mabe_core.cli import options
from mabe_core.discovery import load_plugins
from mabe_core.errors import RunError, UserError
from mabe_core.local_files import plugin_files_in, read_local_files
from mabe_core.trust import is_trusted, trust_used


def renew_schema(folder: Path, plugin_files: Sequence[Path] = ()) -> tuple[str, Path]:
    """Write the schema that is beside a folder's experiments; return what became of it, and the file.

    It covers what is installed, these plugin files, and those of the folder that were run here before. One
    that is broken, or that nobody has named yet, is told of, and left out.
    """
    from mabe_core.experiment.json_schema import FILE, schema_text
    from mabe_core.runs.files import write_whole

    named, found = list(read_local_files(plugin_files)), list(read_local_files(plugin_files_in(folder)))
    trust_used(named)
    unknown = [str(origin.file) for origin in found if not is_trusted(str(origin.sha256))]
    for name in unknown:
        options.warn(
            f"{FILE} lacks what {name} offers, which was not run here as it is now; where you trust it, "
            f"`mabe schema -p {name} -o {folder / FILE}`"
        )
    known = [origin.file for origin in found if origin.file and str(origin.file) not in unknown]
    registry = load_plugins([*plugin_files, *known], lenient=True)
    for broken in registry.broken:
        options.warn(f"{FILE} lacks what this plugin offers: {broken.with_remedy}")
    file, text = folder / FILE, schema_text(registry)
    before = file.read_text(encoding="utf-8") if file.is_file() else None
    if before != text:
        write_whole(file, text)
    return {None: "wrote", text: "kept"}.get(before, "renewed"), file


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
    try:
        write_whole(output, text)
    except RunError as error:
        raise UserError(f"{error}. Name another file with -o") from error
    click.echo(f"wrote {output}. Editors follow this line at the top of an experiment beside it:\n")
    click.echo(f"{EDITOR_COMMENT}{output.name}")
