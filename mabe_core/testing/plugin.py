"""Checks a plugin: that it loads, lightly, under names of its own, and each component that it offers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mabe_core.discovery import Examined, examine
from mabe_core.errors import Location
from mabe_core.exchange import DataAccess
from mabe_core.plugin_faults import place, problem_of
from mabe_core.plugin_origins import origin_of, source_of
from mabe_core.registry import Registry, collision_message
from mabe_core.testing.component import NO_DATA, check_component
from mabe_core.testing.findings import Finding
from mabe_core.testing.processes import WATCH_IMPORTS, EndedError, answer_of
from mabe_core.testing.values import StoredValues

Settings = Mapping[tuple[str, str], Mapping[str, Any]]


def check_plugin(
    target: str | Path,
    *,
    settings: Settings | None = None,
    samples: Sequence[str | Path] = (),
    access: DataAccess = NO_DATA,
    stored: StoredValues | None = None,
) -> list[Finding]:
    """Check everything that a plugin offers.

    target: a plugin file, the name of an installed plugin, or that of a module. settings: by (kind, name),
    what a component is told beside its defaults; a component with required settings is skipped without.
    samples: files for readers. access: where data names are looked up. stored: the results of an earlier
    check, to compare with. Raises UserError where there is no such plugin.
    """
    origin = origin_of(str(target))
    about = f"plugin {origin.plugin}"
    try:  # first in a process of its own: one that ends the process that loads it is told of, too
        imported = answer_of(WATCH_IMPORTS, str(target))
    except EndedError as error:
        where = Location(str(origin.file)) if origin.file else None
        message = f"the process that loads it ends, before it is loaded ({error})"
        return [Finding(about, "loads", "failed", message, where)]
    examined = examine(str(target))
    ours = {offer.key for offer in examined.offers}
    others = [offer for offer in examined.registry.all() if offer.key not in ours]
    registry = Registry([*others, *examined.offers])  # so that a name that is taken can be looked up
    return [
        *_loading(examined, about),
        *([_is_light(imported, about)] if examined.offers or examined.plugin.events else []),
        *(
            finding
            for offer in examined.offers
            for finding in check_component(
                offer.spec,
                (settings or {}).get(offer.key, {}),
                registry=registry,
                samples=samples,
                access=access,
                stored=stored,
            )
        ),
    ]


def values_file(target: str | Path) -> Path | None:
    """Return where a plugin's values are stored, for its author to keep under version control.

    That is beside a plugin file, and beside the pyproject.toml of a package; None where it is installed.
    """
    origin = origin_of(str(target))
    source = source_of(origin)
    installed = source is None or {"site-packages", "dist-packages"} & set(source.parts)
    if source is None or installed or origin.place == "built-in":
        return None
    above = (
        []
        if origin.place == "file"
        else [each for each in source.parents if (each / "pyproject.toml").exists()]
    )
    return (above[0] if above else source.parent) / f"{source.stem}.check.json"


def _loading(examined: Examined, about: str) -> Iterator[Finding]:
    for broken in examined.broken:
        assert broken.error is not None, "examine keeps what was raised"
        problem = problem_of(broken.error, broken.origin)
        yield Finding(about, "loads", "failed", problem.message, problem.location)
    if not examined.broken:
        names = [f"{offer.spec.kind} {offer.spec.name}" for offer in examined.offers]
        yield Finding(about, "loads", "passed", ", ".join([*names, *examined.plugin.events]))
    for offers in examined.registry.collisions():
        ours = [offer for offer in offers if offer.origin == examined.origin]
        if ours:
            where = place(ours[0].spec.build)
            yield Finding(about, "names are its own", "failed", collision_message(offers), where)


def _is_light(imported: Sequence[Mapping[str, Any]], about: str) -> Finding:
    """Tell of heavy packages that were imported when the plugin was loaded."""
    check = "nothing heavy is imported at load"
    if not imported:
        return Finding(about, check, "passed")
    packages = ", ".join(each["package"] for each in imported)
    first = imported[0]
    remedy = (
        "this line takes names from mabe_core that need it. Take those inside the function that uses them, "
        "and write no `import *`"
        if first["through_mabe"]
        else "import it inside the function that uses it"
    )
    message = f"{packages} is imported when the plugin is loaded, by every `mabe` command: {remedy}"
    return Finding(about, check, "failed", message, Location(first["file"], first["line"]))
