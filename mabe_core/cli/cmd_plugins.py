"""`mabe plugins`: what was found, what it cost to load, and what it failed with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from mabe_core.cli import options
from mabe_core.discovery import load_plugins
from mabe_core.registry import Loaded, Registry, collision_message, natural


@click.command("plugins")
@options.plugin_files
@options.as_json
def command(plugin_files: tuple[Path, ...], as_json: bool) -> None:
    """List the plugins: their hooks, how long each took to load, and what a broken one failed with."""
    registry = load_plugins(plugin_files)
    plugins = sorted(registry.plugins, key=_order)
    rows = [_described(plugin, registry) for plugin in plugins]
    if as_json:
        options.say_json(rows)
        return
    _print(plugins, rows)
    for broken in registry.broken:
        click.echo(f"\n{click.style('broken:', fg='red', bold=True)} {broken.with_remedy}")
    for offers in registry.collisions():
        click.echo(f"\n{click.style('colliding:', fg='red', bold=True)} {collision_message(offers)}")


def _print(plugins: Sequence[Loaded], rows: Sequence[dict[str, Any]]) -> None:
    """Print a line for each where there is room, else its hooks below it."""
    from mabe_core.reports.console import console

    told = [
        {
            "plugin": row["plugin"],
            "from": plugin.origin.source,
            "hooks": ", ".join(row["hooks"]),
            "components": str(len(row["components"])),
            "load": f"{row['milliseconds']:.1f} ms",
            "state": row["state"],
        }
        for row, plugin in zip(rows, plugins, strict=True)
    ]
    screen = console()
    if screen.width >= options.NARROW:
        options.table(told, whole=("plugin", "load", "state"))
        return
    for each in told:
        aside = f"{each['from']}, {each['load']}, {each['state']}"
        options.block(screen, each["plugin"], aside, [(each["hooks"], "")])


def _order(plugin: Loaded) -> Any:
    """Sort built-in plugins first, then by where they come from."""
    origin = plugin.origin
    return origin.place != "built-in", natural(origin.source), natural(origin.plugin)


def _described(plugin: Loaded, registry: Registry) -> dict[str, Any]:
    origin = plugin.origin
    failed = [broken.message for broken in registry.broken if broken.origin == origin]
    colliding = [offer for offers in registry.collisions() for offer in offers if offer.origin == origin]
    return {
        "plugin": origin.plugin,
        "module": origin.module,
        "place": origin.place,
        "distribution": origin.distribution,
        "distribution_version": origin.version,
        "file": str(origin.file) if origin.file else None,
        "hooks": list(plugin.hooks),
        "components": [f"{offer.spec.kind} {offer.spec.name}" for offer in registry.offered_by(origin)],
        "milliseconds": round(plugin.seconds * 1000, 2),
        "state": "broken" if failed else "colliding" if colliding else "loaded",
        "failures": failed,
    }
