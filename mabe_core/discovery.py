"""Finds and loads plugins, records where each came from, and keeps broken ones apart."""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import importlib.util
import os
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import pluggy

from mabe_core import hookspecs
from mabe_core.errors import Problem, UserError, did_you_mean
from mabe_core.local_files import import_local_file, read_local_files
from mabe_core.plugin_faults import PluginFault, check_hooks, checked_specs, problem_of
from mabe_core.registry import EVENTS, KINDS, Broken, Loaded, Origin, Provided, Registry
from mabe_core.trust import check_trusted

GROUP = "mabe"
OWN_DISTRIBUTION = "mabe-core"
STRICT = "MABE_STRICT_PLUGINS"


@attrs.frozen
class _Candidate:
    origin: Origin
    load: Callable[[], Any]


def load_plugins(
    files: Sequence[Path] = (), installed: Sequence[Origin] | None = None, *, kept: Collection[Path] = ()
) -> Registry:
    """Load every installed plugin and the given local files.

    kept: those of the files that came with a run or a model; they are run only where the user agreed to their
    content, else UntrustedError is raised before any plugin is loaded.

    installed: the plugins to load in place of those that the installed distributions name; for where modules
    are copied to without being installed, as into a container.
    A broken installed plugin is kept in the registry's `broken`; it raises UserError where
    MABE_STRICT_PLUGINS=1. A broken local file always does: somebody asked for it.
    """
    local = list(read_local_files(files))
    check_trusted(origin for origin in local if origin.file in kept)
    provided: list[Provided] = []
    broken: list[Broken] = []
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    found: list[Loaded] = []
    origins = installed_plugins() if installed is None else installed
    for candidate in [*(_Candidate(origin, _importing(origin)) for origin in origins), *map(_running, local)]:
        begun = time.perf_counter()
        try:
            plugin = candidate.load()
            check_hooks(manager, plugin, candidate.origin)
            _register(manager, plugin, candidate.origin)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything; it is told
            broken.append(Broken(candidate.origin, _explain(error, candidate.origin), error))
            found.append(Loaded(candidate.origin, (), time.perf_counter() - begun))
            continue
        offers, failed = _offers(manager, plugin, candidate.origin)
        provided.extend(offers)
        broken.extend(failed)
        hooks = tuple(caller.name for caller in manager.get_hookcallers(plugin) or ())
        seconds = time.perf_counter() - begun
        found.append(Loaded(candidate.origin, hooks, seconds, _events(manager, plugin)))
    manager.check_pending()
    strict = os.environ.get(STRICT, "") not in ("", "0")
    fatal = [fault for fault in broken if strict or fault.origin.place == "file"]
    if fatal:
        raise UserError(Problem(f"plugin cannot be used: {fault}") for fault in fatal)
    return Registry(provided, broken, found)


@attrs.frozen
class Examined:
    """One plugin by itself: what it offers and what is wrong with it, among all that is installed.

    events: those of its hooks that watch runs.
    """

    origin: Origin
    offers: tuple[Provided, ...]
    events: tuple[str, ...]
    broken: tuple[Broken, ...]
    registry: Registry


def examine(target: str) -> Examined:
    """Load one plugin, a file or a module, and return its faults instead of raising them.

    Raises UserError where there is no such file or module.
    """
    candidate = _named(target)
    origin = candidate.origin
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    try:
        plugin = candidate.load()
        check_hooks(manager, plugin, origin)
        _register(manager, plugin, origin)
        offers, broken = _offers(manager, plugin, origin)
        events = tuple(_events(manager, plugin))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - as above
        offers, events, broken = [], (), [Broken(origin, _explain(error, origin), error)]
    others = [offer for offer in load_plugins().all() if offer.origin.module != origin.module]
    return Examined(origin, tuple(offers), events, tuple(broken), Registry([*others, *offers]))


def _named(target: str) -> _Candidate:
    if target.endswith(".py") or Path(target).is_file():
        return next(map(_running, read_local_files([Path(target)])))
    installed = {origin.module: origin for origin in installed_plugins()}
    if target in installed:
        return _Candidate(installed[target], _importing(installed[target]))
    try:
        found = importlib.util.find_spec(target)
    except (ImportError, ValueError):
        found = None
    if found is None:
        words = did_you_mean(target, list(installed))
        raise UserError(f"there is no plugin file and no module {target!r}.{words}")
    origin = Origin(plugin=target, module=target, place="installed")
    return _Candidate(origin, functools.partial(importlib.import_module, target))


def installed_plugins() -> Iterator[Origin]:
    """Return the plugins that installed distributions name, without importing them."""
    points = importlib.metadata.entry_points(group=GROUP)
    for point in sorted(points, key=lambda point: (point.dist.name if point.dist else "", point.name)):
        distribution = point.dist.name if point.dist else None
        yield Origin(
            plugin=point.name,
            module=point.module,
            place="built-in" if distribution == OWN_DISTRIBUTION else "installed",
            distribution=distribution,
            version=point.dist.version if point.dist else None,
            part=point.attr or "",
            extras=tuple(point.extras),
        )


def _importing(origin: Origin) -> Callable[[], Any]:
    value = f"{origin.module}:{origin.part}" if origin.part else origin.module
    return importlib.metadata.EntryPoint(origin.plugin, value, GROUP).load


def _running(origin: Origin) -> _Candidate:
    return _Candidate(origin, functools.partial(import_local_file, origin))


def _register(manager: pluggy.PluginManager, plugin: Any, origin: Origin) -> None:
    """Register a plugin under a name that is its own; pluggy's own message would list every module."""
    name = origin.module if origin.place == "file" else f"{origin.distribution}:{origin.plugin}"
    earlier = manager.get_name(plugin)
    if earlier is not None or manager.has_plugin(name):
        raise PluginFault(f"{origin.module} is loaded already, as {earlier or name}: keep one entry point")
    manager.register(plugin, name=name)


def _events(manager: pluggy.PluginManager, plugin: Any) -> dict[str, Callable[..., Any]]:
    """Return those hooks of one plugin that watch runs."""
    hooks = [caller.name for caller in manager.get_hookcallers(plugin) or ()]
    return {hook: getattr(plugin, hook) for hook in hooks if hook in EVENTS}


def _offers(
    manager: pluggy.PluginManager, plugin: Any, origin: Origin
) -> tuple[list[Provided], list[Broken]]:
    """Call each hook of one plugin by itself, so that it is known whose specs they are."""
    offers, failed = [], []
    for kind in KINDS.values():
        for impl in getattr(manager.hook, kind.hook).get_hookimpls():
            if impl.plugin is not plugin:
                continue
            try:
                offers += [
                    Provided(spec, origin) for spec in checked_specs(impl.function(), kind, impl.function)
                ]
            except (Exception, SystemExit) as error:  # noqa: BLE001 - as above
                failed.append(Broken(origin, _explain(error, origin), error))
    return offers, failed


def _explain(error: BaseException, origin: Origin) -> str:
    """Say what a plugin raised, with the line of its own file that did."""
    return str(problem_of(error, origin))
