"""`mabe list`: the components that experiments can name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import click

from mabe_core.cli import completing, options
from mabe_core.configs.annotations import with_article
from mabe_core.errors import UserError, did_you_mean
from mabe_core.local_files import read_local_files
from mabe_core.registry import KINDS, Origin, Provided, Registry, collision_message, order


@attrs.frozen
class Listed:
    """A component that is listed, with what became of it among the others."""

    offer: Provided
    collides: bool = False
    replaces: bool = False
    replaced_by: Origin | None = None

    @property
    def note(self) -> str:
        """What to know before naming it."""
        deprecated = self.offer.spec.deprecated
        said = [
            "COLLIDES" if self.collides else "",
            f"replaced by {self.replaced_by}" if self.replaced_by else "",
            "replaces the built-in" if self.replaces else "",
            f"deprecated: {deprecated}" if deprecated else "",
        ]
        return "; ".join(filter(None, said))

    def as_json(self) -> dict[str, Any]:
        """Return what a program is told of it."""
        spec, origin = self.offer.spec, self.offer.origin
        return {
            "kind": spec.kind,
            "name": spec.name,
            "summary": spec.describe(),
            "plugin": origin.plugin,
            "place": origin.place,
            "distribution": origin.distribution,
            "distribution_version": origin.version,
            "file": str(origin.file) if origin.file else None,
            "version": spec.version,
            "collides": self.collides,
            "deprecated": spec.deprecated,
            "replaces": self.replaces,
            "replaced_by": str(self.replaced_by) if self.replaced_by else None,
        }


@click.command("list")
@click.argument("kind", required=False, shell_complete=completing.kinds)
@click.option(
    "-p",
    "--plugin",
    "plugins",
    metavar="NAME|FILE",
    multiple=True,
    shell_complete=completing.plugins,
    help="only what this plugin offers, or this distribution, or this local file; may be given several times",
)
@click.option("--tree", is_flag=True, help="by plugin, under where each came from")
@options.as_json
def command(kind: str | None, plugins: tuple[str, ...], tree: bool, as_json: bool) -> None:
    """List the components that experiments can name, of one KIND or all."""
    registry = options.registry([options.existing_file(word) for word in plugins if word.endswith(".py")])
    wanted = list(KINDS) if kind is None else [options.kind(kind, registry).name]
    origins = _origins(plugins, registry)
    listed = [
        each
        for each in listing(registry)
        if each.offer.spec.kind in wanted and (not plugins or each.offer.origin in origins)
    ]
    for offers in registry.collisions():
        if any(each.offer in offers for each in listed):
            options.warn(collision_message(offers))
    if as_json:
        options.say_json([each.as_json() for each in listed])
    elif not listed:
        click.echo(_nothing(wanted, origins, registry))
    elif tree:
        _print_tree(listed)
    else:
        _print_list(listed)


def _nothing(wanted: Sequence[str], origins: Sequence[Origin], registry: Registry) -> str:
    """Say why nothing is listed."""
    what = KINDS[wanted[0]].label if len(wanted) == 1 else "component"
    if not origins:
        return f"no plugin offers {with_article(what)}; `mabe plugin new NAME --kind {wanted[0]}` writes one"
    lines = []
    for origin in origins:
        (plugin,) = [each for each in registry.plugins if each.origin == origin]
        broken = any(each.origin == origin for each in registry.broken)
        why = "; it is broken" if broken else "; it watches runs" if plugin.events else ""
        lines.append(f"{origin} offers no {what}{why}")
    return "\n".join(lines)


def listing(registry: Registry) -> list[Listed]:
    """Return every component there is, those too that collide or are replaced, by kind and name."""
    colliding = {offer.key for offers in registry.collisions() for offer in offers}
    replaced = registry.replaced()
    shadowed = {offer.key for offer, _ in replaced}
    standing = [
        Listed(offer, collides=offer.key in colliding, replaces=offer.key in shadowed)
        for offer in registry.all()
    ]
    gone = [Listed(offer, replaced_by=by.origin) for offer, by in replaced]
    return sorted([*standing, *gone], key=lambda each: order(each.offer))


def _origins(plugins: Sequence[str], registry: Registry) -> list[Origin]:
    """Return the plugins that are meant; raise UserError for a word that names none."""
    found = []
    for word in plugins:
        meant = [
            each.origin
            for each in registry.plugins
            if word in (each.origin.plugin, each.origin.distribution) or _is_file(each.origin, word)
        ]
        if not meant:
            names = [each.origin.plugin for each in registry.plugins]
            names += sorted({each.origin.distribution or "" for each in registry.plugins} - {""})
            raise UserError(f"no plugin is named {word!r}.{did_you_mean(word, names)}")
        found += meant
    return found


def _is_file(origin: Origin, word: str) -> bool:
    """Tell whether a word names a local plugin's file, or another file of the same content."""
    if origin.file is None or not word.endswith(".py"):
        return False
    return any(each.sha256 == origin.sha256 for each in read_local_files([Path(word)]))


def _print_list(listed: Sequence[Listed]) -> None:
    """Print a line for each where there is room, else its summary on a second one."""
    from mabe_core.reports.console import console

    screen = console()
    if screen.width >= options.NARROW:
        options.table([_row(each) for each in listed], whole=("kind", "name"))
        return
    for each in listed:
        row = _row(each)
        aside = f"version {row['version']}, plugin {row['plugin']}, {row['from']}"
        lines = ((row["summary"], ""), (row["note"], "yellow"))
        options.block(screen, f"{row['kind']} {row['name']}", aside, lines)


def _row(each: Listed) -> dict[str, str]:
    spec, origin = each.offer.spec, each.offer.origin
    return {
        "kind": spec.kind,
        "name": spec.name,
        "summary": spec.describe(),
        "plugin": origin.plugin,
        "version": str(spec.version),
        "from": origin.source,
        "note": each.note,
    }


def _print_tree(listed: Sequence[Listed]) -> None:
    from rich.text import Text
    from rich.tree import Tree

    from mabe_core.reports.console import console

    screen = console()
    tops: dict[str, Tree] = {}
    plugins: dict[Origin, Tree] = {}
    for each in listed:
        spec, origin = each.offer.spec, each.offer.origin
        if origin not in plugins:
            label = Text(origin.source, style="bold")
            top = tops.setdefault(origin.source, Tree(label, guide_style="dim"))
            plugins[origin] = top.add(Text(origin.plugin, style="bold"))
        note = f" ({each.note})" if each.note else ""
        plugins[origin].add(
            f"{spec.kind} {spec.name}, version {spec.version}: {spec.describe()}{note}", style="none"
        )
    for _, top in sorted(tops.items()):
        screen.print(top)
