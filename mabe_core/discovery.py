"""Finds and loads plugins, records where each came from, and keeps broken ones apart."""

from __future__ import annotations

import functools
import importlib.metadata
import inspect
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import pluggy

from mabe_core import hookspecs
from mabe_core.configs.fields import faults
from mabe_core.errors import Problem, UserError, did_you_mean, raised_at
from mabe_core.local_files import import_local_file, read_local_files
from mabe_core.registry import EVENTS, KINDS, Broken, Kind, Loaded, Origin, Provided, Registry
from mabe_core.specs import Spec

GROUP = "mabe"
OWN_DISTRIBUTION = "mabe-core"
STRICT = "MABE_STRICT_PLUGINS"


class PluginFault(ValueError):
    """Something in a plugin that its author has to mend; the message names file and line."""


@attrs.frozen
class _Candidate:
    origin: Origin
    load: Callable[[], Any]


def load_plugins(files: Sequence[Path] = (), installed: Sequence[Origin] | None = None) -> Registry:
    """Load every installed plugin and the given local files.

    installed: the plugins to load in place of those that the installed distributions name; for where modules
    are copied to without being installed, as into a container.
    A broken installed plugin is kept in the registry's `broken`; it raises UserError where
    MABE_STRICT_PLUGINS=1. A broken local file always does: somebody asked for it.
    """
    provided: list[Provided] = []
    broken: list[Broken] = []
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    found: list[Loaded] = []
    origins = installed_plugins() if installed is None else installed
    for candidate in [*(_Candidate(origin, _importing(origin)) for origin in origins), *_local(files)]:
        begun = time.perf_counter()
        try:
            plugin = candidate.load()
            _check_hooks(manager, plugin, candidate.origin)
            _register(manager, plugin, candidate.origin)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything; it is told
            broken.append(Broken(candidate.origin, _explain(error, candidate.origin), error))
            found.append(Loaded(candidate.origin, (), time.perf_counter() - begun))
            continue
        offers, failed = _offers(manager, plugin, candidate.origin)
        provided.extend(offers)
        broken.extend(failed)
        hooks = tuple(caller.name for caller in manager.get_hookcallers(plugin) or ())
        events = {hook: getattr(plugin, hook) for hook in hooks if hook in EVENTS}
        found.append(Loaded(candidate.origin, hooks, time.perf_counter() - begun, events))
    manager.check_pending()
    strict = os.environ.get(STRICT, "") not in ("", "0")
    fatal = [fault for fault in broken if strict or fault.origin.place == "file"]
    if fatal:
        raise UserError(Problem(f"plugin cannot be used: {fault}") for fault in fatal)
    return Registry(provided, broken, found)


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


def _local(files: Sequence[Path]) -> Iterator[_Candidate]:
    for origin in read_local_files(files):
        yield _Candidate(origin, functools.partial(import_local_file, origin))


def _register(manager: pluggy.PluginManager, plugin: Any, origin: Origin) -> None:
    """Register a plugin under a name that is its own; pluggy's own message would list every module."""
    name = origin.module if origin.place == "file" else f"{origin.distribution}:{origin.plugin}"
    earlier = manager.get_name(plugin)
    if earlier is not None or manager.has_plugin(name):
        raise PluginFault(f"{origin.module} is loaded already, as {earlier or name}: keep one entry point")
    manager.register(plugin, name=name)


def _check_hooks(manager: pluggy.PluginManager, plugin: Any, origin: Origin) -> None:
    """Refuse what pluggy accepts in silence: hooks misspelled or not marked, plugins with none."""
    known = [*(kind.hook for kind in KINDS.values()), *EVENTS]
    marked = [name for name in dir(plugin) if manager.parse_hookimpl_opts(plugin, name) is not None]
    for name in marked:
        if name not in known:
            where = _place(getattr(plugin, name))
            raise PluginFault(f"{where}no hook is named {name!r}.{did_you_mean(name, known)}")
    for name, value in inspect.getmembers(plugin, inspect.isroutine):
        if name.startswith("mabe_") and name not in marked:
            raise PluginFault(
                f"{_place(value)}{name} looks like a hook: mark it with @hookimpl, or rename it"
            )
    for name in marked:
        _check_arguments(name, getattr(plugin, name))
    if not marked:
        raise PluginFault(f"{origin.module} implements no hook; hooks: {', '.join(known)}")


def _check_arguments(name: str, function: Callable[..., Any]) -> None:
    """Refuse a hook that asks for what it is not given, and an event whose body would never run."""
    parameters = inspect.signature(function).parameters.values()
    if name not in EVENTS:
        asked = [str(parameter) for parameter in parameters if parameter.default is parameter.empty]
        if asked:
            told = f"{name} is called with nothing, but asks for {', '.join(asked)}"
            raise PluginFault(_place(function) + told)
        return
    given = EVENTS[name].arguments
    for parameter in parameters:
        by_name = parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        if not by_name or parameter.name not in given:
            hint = did_you_mean(parameter.name, given) if by_name else ""
            told = f"{name} is given {', '.join(given)}, by name, but asks for {parameter}.{hint}"
            raise PluginFault(_place(function) + told)
    if inspect.isgeneratorfunction(function) or inspect.iscoroutinefunction(function):
        raise PluginFault(f"{_place(function)}{name} is called as a plain function: no `yield`, no `async`")


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
                offers += [Provided(spec, origin) for spec in _checked(impl.function(), kind, impl.function)]
            except (Exception, SystemExit) as error:  # noqa: BLE001 - as above
                failed.append(Broken(origin, _explain(error, origin), error))
    return offers, failed


def _checked(specs: Any, kind: Kind, function: Callable[..., Any]) -> list[Spec[Any]]:
    where = _place(function)
    if not isinstance(specs, (list, tuple)):
        raise PluginFault(f"{where}{kind.hook} must return a list of {kind.spec.__name__}, not {specs!r}")
    for spec in specs:
        if not isinstance(spec, kind.spec):
            found = type(spec).__name__
            raise PluginFault(f"{where}{kind.hook} must return {kind.spec.__name__}, not {found}")
        _check_config(spec, where)
    return list(specs)


def _check_config(spec: Spec[Any], where: str) -> None:
    told = faults(spec.config)
    if told:
        place = _place(spec.config) or where
        raise PluginFault(f"{place}the config of {spec.kind} {spec.name!r}: {'; '.join(told)}")


def _place(thing: Any) -> str:
    """Return `file:line: ` of a function or class, or nothing where it has no source."""
    try:
        file = inspect.getsourcefile(thing)
        line = inspect.getsourcelines(thing)[1]
    except (OSError, TypeError):
        return ""
    return f"{file}:{line}: "


def _explain(error: BaseException, origin: Origin) -> str:
    """Say what a plugin raised, with the line of its own file that did."""
    if isinstance(error, PluginFault):
        return str(error)
    what = f"{type(error).__name__}: {error}"
    if isinstance(error, SyntaxError):
        return f"{error.filename}:{error.lineno}: {type(error).__name__}: {error.msg}"
    return f"{raised_at(error, origin.module, origin.file)}{what}"
