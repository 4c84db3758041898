"""`mabe show`: what a component can be told."""

from __future__ import annotations

import inspect
from pathlib import Path

import click

from mabe_core.cli import options
from mabe_core.registry import kind_named


@click.command("show")
@click.argument("kind")
@click.argument("name")
@options.plugin_files
def command(kind: str, name: str, plugin_files: tuple[Path, ...]) -> None:
    """Show the config of the component NAME of a KIND: every field, the plugin, the file it is in."""
    import json

    from rich.table import Table

    from mabe_core.configs.fields import describe
    from mabe_core.reports.console import console

    known = kind_named(kind)
    offer = options.registry(plugin_files).find(kind, name)
    screen = console()
    screen.print(f"{known.label} {name}, version {offer.spec.version}: {offer.spec.describe()}")
    screen.print(f"from {offer.origin}")
    screen.print(f"in {inspect.getsourcefile(offer.spec.config)}")
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("field", "type", "default", "limits", "help"):
        table.add_column(title, overflow="fold")
    for field in describe(offer.spec.config):
        default = "(required)" if field.required else json.dumps(field.default, ensure_ascii=False)
        table.add_row(field.name, field.type, default, ", ".join(field.limits), field.help)
    if table.row_count:
        screen.print()
        screen.print(table)
