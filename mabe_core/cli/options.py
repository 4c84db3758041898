"""Options that several commands share, and where their defaults come from."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from mabe_core.discovery import load_plugins
from mabe_core.exchange import DataAccess
from mabe_core.experiment.cloud import Cloud
from mabe_core.registry import Registry

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

runs_dir: Decorator = click.option(
    "--runs-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("runs"),
    envvar="MABE_RUNS",
    show_envvar=True,
    show_default=True,
    help="where runs are kept",
)
data_dir: Decorator = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="where data names are looked up, before $MABE_DATA and ./data",
)
plugin_files: Decorator = click.option(
    "-p",
    "--plugin",
    "plugin_files",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    multiple=True,
    help="a local plugin file; may be given several times",
)
volume: Decorator = click.option(
    "--volume",
    metavar="NAME",
    default=Cloud().volume,
    envvar="MABE_VOLUME",
    show_envvar=True,
    show_default=True,
    help="the Modal Volume that keeps runs and data",
)
profile: Decorator = click.option(
    "--profile", metavar="NAME", help="the profile of ~/.modal.toml; by default the active one"
)
as_json: Decorator = click.option("--json", "as_json", is_flag=True, help="print JSON")


def data_access(folder: Path | None) -> DataAccess:
    """Return where data names are looked up: --data-dir, $MABE_DATA, ./data."""
    named = os.environ.get("MABE_DATA")
    folders = [folder, Path(named) if named else None, Path("data")]
    return DataAccess(tuple(folder for folder in folders if folder is not None))


def registry(files: Sequence[Path] = ()) -> Registry:
    """Load all plugins; tell the broken ones on standard error."""
    loaded = load_plugins(files)
    for broken in loaded.broken:
        click.echo(f"{click.style('warning:', fg='yellow', bold=True)} not loaded: {broken}", err=True)
    return loaded
