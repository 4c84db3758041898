"""`mabe list`: the components that experiments can name."""

from __future__ import annotations

import json
from pathlib import Path

import click

from mabe_core.cli import options
from mabe_core.registry import KINDS, kind_named


@click.command("list")
@click.argument("kind", required=False)
@options.plugin_files
@options.as_json
def command(kind: str | None, plugin_files: tuple[Path, ...], as_json: bool) -> None:
    """List the components that experiments can name, of one KIND or all."""
    wanted = list(KINDS) if kind is None else [kind_named(kind).name]
    registry = options.registry(plugin_files)
    colliding = {offer.key for offers in registry.collisions() for offer in offers}
    rows = [
        {
            "kind": offer.spec.kind,
            "name": offer.spec.name,
            "summary": offer.spec.describe(),
            "plugin": offer.origin.plugin,
            "place": offer.origin.place,
            "distribution": offer.origin.distribution,
            "distribution_version": offer.origin.version,
            "version": offer.spec.version,
            "collides": offer.key in colliding,
        }
        for offer in registry.all()
        if offer.spec.kind in wanted
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    from rich.table import Table

    from mabe_core.reports.console import console

    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("kind", "name", "summary", "plugin", "version"):
        table.add_column(title, overflow="fold")
    for row in rows:
        plugin = row["plugin"] if row["place"] == "built-in" else f"{row['plugin']} ({row['place']})"
        summary = f"{'COLLIDES: ' if row['collides'] else ''}{row['summary']}"
        table.add_row(*(str(value) for value in (row["kind"], row["name"], summary, plugin, row["version"])))
    console().print(table)
