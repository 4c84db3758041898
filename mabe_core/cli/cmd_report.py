"""`mabe report`: one page about a run or a study, which opens without a network."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from mabe_core.cli import completing, options
from mabe_core.errors import UserError

# warnings that are printed; the page has all
TOLD = 5


@click.command("report")
@click.argument("run", metavar="ID|STUDY", shell_complete=completing.run_ids)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="where to write it; by default ID.html here; - for standard output",
)
@click.option("--open", "opens", is_flag=True, help="open it in the browser")
@options.runs_dir
@click.option("--json", "as_json", is_flag=True, help="print the page's numbers as JSON, and write no page")
def command(run: str, output: Path | None, opens: bool, runs_dir: Path, as_json: bool) -> None:
    """Write one HTML page about a run or a study: scores, curves, ethograms, worst bouts, provenance."""
    from mabe_core.pages.content import content_of
    from mabe_core.pages.numbers import numbers
    from mabe_core.pages.text import all_seen
    from mabe_core.runs.study import find

    if opens and (as_json or output == Path("-")):
        raise click.UsageError("--open opens a page, and none is written with --json or -o -")
    content = content_of(find(runs_dir, run), runs_dir)
    if as_json:
        if output not in (None, Path("-")):
            raise click.UsageError("--json prints; send it to a file with >")
        options.say_json(all_seen(numbers(content)))
        return
    from mabe_core.pages.rendering import page

    made = page(content)
    if output == Path("-"):
        click.echo(made, nl=False)
        return
    file = output or Path(f"{content.id}.html")
    _write(file, made)
    for each in content.notes[:TOLD]:
        options.warn(each if content.study else f"{content.id}: {each}")
    if len(content.notes) > TOLD:
        options.warn(f"and {len(content.notes) - TOLD} more, which the page tells")
    click.echo(f"{file} ({file.stat().st_size / 1e6:.1f} MB)")
    if opens:
        _open(file)


def _write(file: Path, made: str) -> None:
    """Write the page; over nothing but another such page."""
    from mabe_core.pages.rendering import MARK
    from mabe_core.runs.files import write_whole

    if file.exists():
        try:
            with file.open("rb") as opened:
                begins = opened.read(4096)
        except OSError as error:
            raise UserError(f"{file} cannot be read: {error.strerror}") from error
        if MARK.encode() not in begins:
            raise UserError(
                f"{file} is there, and is no page of `mabe report`: delete it, or name another file with -o"
            )
    if not file.absolute().parent.is_dir():
        raise UserError(f"there is no folder {file.parent} to write {file.name} to: make it, or name another")
    write_whole(file, made)


def _open(file: Path) -> None:
    """Open the page in the browser; say where it lies where there is no display, or no browser."""
    import webbrowser

    seen_by_someone = sys.platform != "linux" or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    )
    if not seen_by_someone:
        options.warn(f"there is no display here; open {file.resolve()} in a browser where there is one")
    elif not webbrowser.open(file.resolve().as_uri()):
        options.warn(f"no browser could be opened; open {file.resolve()} in one")
