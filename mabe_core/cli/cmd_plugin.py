"""`mabe plugin`: write a plugin to start from, and check one against what its kinds promise."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from mabe_core.cli import SuggestingGroup, options
from mabe_core.errors import Problem, UserError
from mabe_core.registry import KINDS, kind_named

if TYPE_CHECKING:
    from mabe_core.testing import Finding

COLOURS = {"passed": "green", "failed": "red", "skipped": "yellow", "warned": "yellow"}


@click.group("plugin", cls=SuggestingGroup)
def command() -> None:
    """Write a plugin to start from, or check one."""


@command.command("new")
@click.argument("name")
@click.option(
    "--kind",
    metavar="KIND",
    help="what it is to offer, by default a model: " + ", ".join(KINDS),
)
@click.option("--watcher", is_flag=True, help="write a plugin that watches runs and offers no component")
@click.option("--package", is_flag=True, help="write an installable package, not one file")
def new(name: str, kind: str | None, watcher: bool, package: bool) -> None:
    """Write a plugin that offers a component NAME, and an experiment that uses it, into this folder.

    Both run as they are; nothing that exists is written over.
    """
    from mabe_core.cli.cmd_schema import renew_schema
    from mabe_core.scaffold import new_plugin, write_all
    from mabe_core.scaffold.experiments import WATCHER
    from mabe_core.scaffold.names import NewName, check_name

    if watcher and kind is not None:
        raise click.UsageError("a watcher offers no component: --watcher goes without --kind")
    asked = NewName(name, WATCHER if watcher else kind_named(kind or "model").name)
    check_name(asked, options.registry(), package=package)
    plugin = new_plugin(asked, package=package)
    written = write_all(Path(), plugin.files)
    for file in written:
        click.echo(f"wrote {file}")
    for experiment in (file for file in written if file.suffix == ".yaml"):
        done, schema = renew_schema(experiment.parent, [Path(plugin.source)])
        click.echo(f"{done} {schema}")
    click.echo("\nnext:\n" + "\n".join(f"  {line}" for line in plugin.commands))


@command.command("check")
@click.argument("target", metavar="FILE_OR_NAME")
@click.option(
    "--experiment",
    type=click.Path(path_type=Path),
    help="an experiment that gives the components' settings; without one they have their defaults",
)
@click.option(
    "--sample",
    "samples",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True,
    help="a file for readers to read; may be given several times",
)
@options.data_dir
@click.option("--accept", is_flag=True, help="take changed results as they are, under the same version")
@options.as_json
def check(
    target: str,
    experiment: Path | None,
    samples: tuple[Path, ...],
    data_dir: Path | None,
    accept: bool,
    as_json: bool,
) -> None:
    """Check a plugin, by its file, its name or its module, against everything that its kinds promise.

    What its components give is stored beside it, or beside its pyproject.toml (NAME.check.json, to be kept
    under version control), and compared at the next check: where the same config gives other results and
    `version` is the same, it is told. Exit status 2 where a check fails.
    """
    from mabe_core.testing import StoredValues, check_plugin, values_file

    file = values_file(target)
    stored = StoredValues.read(file, accept=accept) if file is not None else None
    with contextlib.redirect_stdout(sys.stderr):  # whatever a plugin prints is no part of what is told
        findings = check_plugin(
            target,
            settings=_settings(experiment, target) if experiment is not None else None,
            samples=samples,
            access=options.data_access(data_dir),
            stored=stored,
        )
    if stored is not None and file is not None:
        stored.write(file)
    if as_json:
        rows = [
            {**attrs.asdict(finding, recurse=False), "location": _location(finding)} for finding in findings
        ]
        click.echo(json.dumps(rows, indent=1, ensure_ascii=False))
    else:
        _show(findings)
    failed = [finding for finding in findings if finding.status == "failed"]
    if failed:
        raise UserError(
            Problem(finding.message, finding.location, f"{finding.about}: {finding.check}")
            for finding in failed
        )


def _settings(experiment: Path, target: str) -> dict[tuple[str, str], Any]:
    """Return what an experiment says of each component, by kind and name."""
    from mabe_core.experiment import read_document, resolve
    from mabe_core.runs.identity import components_of

    document = read_document(experiment)
    files = [Path(target)] if target.endswith(".py") else []
    resolved = resolve(document, options.registry_of(document, files))
    return {
        (component.spec.kind, component.name): component.settings
        for component in components_of(resolved)
        if component.spec is not None
    }


def _location(finding: Finding) -> dict[str, Any] | None:
    return attrs.asdict(finding.location) if finding.location is not None else None


def _show(findings: Sequence[Finding]) -> None:
    from rich.table import Table
    from rich.text import Text

    from mabe_core.reports.console import console

    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("", "check", "", ""):
        table.add_column(heading, overflow="fold")
    about = ""
    for finding in findings:
        first = "" if finding.about == about else finding.about
        about = finding.about
        # what failed is told in full below, with its line
        message = "" if finding.status == "failed" else finding.message
        table.add_row(first, finding.check, Text(finding.status, COLOURS[finding.status]), message)
    screen = console()
    screen.print(table)
    counts = {status: sum(finding.status == status for finding in findings) for status in COLOURS}
    screen.print("\n" + ", ".join(f"{count} {status}" for status, count in counts.items() if count))
