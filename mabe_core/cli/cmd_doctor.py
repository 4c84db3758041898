"""`mabe doctor`: what this machine has and lacks, with a remedy for whatever is wrong."""

from __future__ import annotations

from pathlib import Path

import attrs
import click

from mabe_core.cli import options
from mabe_core.discovery import load_plugins

_MARKS = {"good": ("ok", "green"), "note": ("note", "yellow"), "broken": ("BROKEN", "red")}


@click.command("doctor")
@options.plugin_files
@options.runs_dir
@options.data_dir
@options.as_json
def command(plugin_files: tuple[Path, ...], runs_dir: Path, data_dir: Path | None, as_json: bool) -> int:
    """Check plugins, versions, device, cloud account, data and disk. Exit status 1: something is broken."""
    from mabe_core.reports.health import findings, is_broken

    found = list(findings(load_plugins(plugin_files), options.data_access(data_dir), runs_dir))
    if as_json:
        options.say_json([attrs.asdict(finding) for finding in found])
        return int(is_broken(found))
    from rich.table import Table
    from rich.text import Text

    from mabe_core.reports.console import console

    table = Table(box=None, show_header=False, pad_edge=False)
    for finding in found:
        mark, colour = _MARKS[finding.state]
        said = f"{finding.message}\n→ {finding.remedy}" if finding.remedy else finding.message
        table.add_row(Text(mark, style=colour), finding.subject, said)
    console().print(table)
    return int(is_broken(found))
