"""`mabe list`: the components that experiments can name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import click

from mabe_core.cli import completing, options
from mabe_core.errors import UserError, did_you_mean
from mabe_core.registry import KINDS, Origin, Provided, Registry, collision_message, kind_named, order

NARROW = 120  # columns of a terminal in which a table of seven columns cannot be read


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
    wanted = list(KINDS) if kind is None else [kind_named(kind).name]
    registry = options.registry([options.existing_file(word) for word in plugins if word.endswith(".py")])
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
    elif tree:
        _print_tree(listed)
    else:
        _print_list(listed)


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
            if word in (each.origin.plugin, each.origin.distribution) or each.origin.file == Path(word)
        ]
        if not meant:
            names = [each.origin.plugin for each in registry.plugins]
            names += sorted({each.origin.distribution or "" for each in registry.plugins} - {""})
            raise UserError(f"no plugin is named {word!r}.{did_you_mean(word, names)}")
        found += meant
    return found


def _print_list(listed: Sequence[Listed]) -> None:
    """Print a line for each where there is room, else its summary on a second one."""
    from rich.padding import Padding
    from rich.text import Text

    from mabe_core.reports.console import console

    screen = console()
    if screen.width >= NARROW:
        options.table([_row(each) for each in listed], whole=("kind", "name"))
        return
    for each in listed:
        row = _row(each)
        screen.print(f"{row['kind']} {row['name']}", style="bold", end="")
        screen.print(
            f"  version {row['version']}, plugin {row['plugin']}, {row['from']}", style="dim", soft_wrap=True
        )
        for said, style in ((row["summary"], ""), (row["note"], "yellow")):
            if said:
                screen.print(Padding(Text(said, style=style), (0, 0, 0, 4)))


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
