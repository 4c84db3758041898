"""Loads plugins, asks each what it offers, and keeps broken ones apart."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import sys
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import attrs
import pluggy

from mabe_core import hookspecs
from mabe_core.errors import Location, Problem, UserError
from mabe_core.local_files import import_local_file, read_local_files
from mabe_core.plugin_faults import PluginFault, check_hooks, checked_specs, problem_of
from mabe_core.plugin_origins import GROUP, installed_plugins, origin_of
from mabe_core.registry import EVENTS, KINDS, Broken, Loaded, Origin, Provided, Registry
from mabe_core.trust import check_trusted

STRICT = "MABE_STRICT_PLUGINS"


@attrs.frozen
class _Outcome:
    """What came of loading one plugin: itself, what it offers, what is wrong with it."""

    plugin: Loaded
    offers: tuple[Provided, ...] = ()
    broken: tuple[Broken, ...] = ()


def load_plugins(
    files: Sequence[Path] = (),
    installed: Sequence[Origin] | None = None,
    *,
    kept: Collection[Path] = (),
    lenient: bool = False,
) -> Registry:
    """Load every installed plugin and the given local files.

    kept: those of the files that came with a run or a model; they are run only where the user agreed to their
    content, else UntrustedError is raised before any plugin is loaded.

    installed: the plugins to load in place of those that the installed distributions name; for where modules
    are copied to without being installed, as into a container.
    A broken installed plugin is kept in the registry's `broken`; it raises UserError where
    MABE_STRICT_PLUGINS=1. A broken local file always does, as somebody asked for it; unless `lenient`.
    """
    local = list(read_local_files(files))
    check_trusted(origin for origin in local if origin.file in kept)
    manager = _manager()
    origins = installed_plugins() if installed is None else installed
    outcomes = [_load(manager, origin) for origin in (*origins, *local)]
    manager.check_pending()
    broken = [fault for outcome in outcomes for fault in outcome.broken]
    fatal = [fault for fault in broken if _is_strict() or (fault.origin.place == "file" and not lenient)]
    if fatal:
        raise UserError(map(_fatal, fatal))
    offers = [offer for outcome in outcomes for offer in outcome.offers]
    return Registry(offers, broken, [outcome.plugin for outcome in outcomes])


@attrs.frozen
class Examined:
    """One plugin by itself: what it offers and what is wrong with it, among all that is installed."""

    plugin: Loaded
    offers: tuple[Provided, ...]
    broken: tuple[Broken, ...]
    registry: Registry

    @property
    def origin(self) -> Origin:
        return self.plugin.origin


def examine(target: str) -> Examined:
    """Load one plugin, a file, an installed plugin by its name or a module, and return its faults.

    Raises UserError where there is none of that name.
    """
    outcome = _load(_manager(), origin_of(target))
    module = outcome.plugin.origin.module
    others = [offer for offer in load_plugins().all() if offer.origin.module != module]
    return Examined(outcome.plugin, outcome.offers, outcome.broken, Registry([*others, *outcome.offers]))


def _is_strict() -> bool:
    return os.environ.get(STRICT, "").strip().lower() not in ("", "0", "false", "no", "off")


def _fatal(fault: Broken) -> Problem:
    """Return what is told of a broken plugin that nothing goes on without: of a file, its line first."""
    if fault.origin.file is None or fault.error is None:
        return Problem(f"plugin cannot be used: {fault}")
    problem = problem_of(fault.error, fault.origin)
    return attrs.evolve(problem, location=problem.location or Location(str(fault.origin.file)))


def _manager() -> pluggy.PluginManager:
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    return manager


def _load(manager: pluggy.PluginManager, origin: Origin) -> _Outcome:
    """Load one plugin, whatever it raises; what it prints meanwhile goes to standard error."""
    begun = time.perf_counter()
    with contextlib.redirect_stdout(sys.stderr):
        try:
            plugin = _imported(origin)
            check_hooks(manager, plugin, origin)
            _register(manager, plugin, origin)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything; it is told
            seconds = time.perf_counter() - begun
            return _Outcome(Loaded(origin, (), seconds), broken=(_broken(error, origin),))
        offers, broken = _offers(manager, plugin, origin)
    hooks = [caller.name for caller in manager.get_hookcallers(plugin) or ()]
    events = {hook: getattr(plugin, hook) for hook in hooks if hook in EVENTS}
    seconds = time.perf_counter() - begun
    return _Outcome(Loaded(origin, tuple(hooks), seconds, events), tuple(offers), tuple(broken))


def _imported(origin: Origin) -> Any:
    if origin.place == "file":
        return import_local_file(origin)
    value = f"{origin.module}:{origin.part}" if origin.part else origin.module
    return importlib.metadata.EntryPoint(origin.plugin, value, GROUP).load()


def _register(manager: pluggy.PluginManager, plugin: Any, origin: Origin) -> None:
    """Register a plugin under a name that is its own; pluggy's own message would list every module."""
    name = origin.module if origin.place == "file" else f"{origin.distribution}:{origin.plugin}"
    earlier = manager.get_name(plugin)
    if earlier is not None or manager.has_plugin(name):
        raise PluginFault(f"{origin.module} is loaded already, as {earlier or name}: keep one entry point")
    manager.register(plugin, name=name)


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
                failed.append(_broken(error, origin))
    return offers, failed


def _broken(error: BaseException, origin: Origin) -> Broken:
    """Say what a plugin raised, with the line of its own file that did."""
    return Broken(origin, str(problem_of(error, origin)), error)
