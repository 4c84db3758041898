"""Finds and loads plugins, records where each came from, and keeps broken ones apart."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
import pluggy

from mabe_core import hookspecs
from mabe_core.configs.fields import faults
from mabe_core.errors import Location, Problem, UserError, did_you_mean
from mabe_core.registry import KINDS, Broken, Kind, Origin, Provided, Registry
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


def load_plugins(files: Sequence[Path] = ()) -> Registry:
    """Load every installed plugin and the given local files.

    A broken installed plugin is kept in the registry's `broken`; it raises UserError where
    MABE_STRICT_PLUGINS=1. A broken local file always does: somebody asked for it.
    """
    provided: list[Provided] = []
    broken: list[Broken] = []
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    for candidate in [*_installed(), *_local(files)]:
        try:
            plugin = candidate.load()
            _check_hooks(manager, plugin, candidate.origin)
            manager.register(plugin, name=f"{candidate.origin.distribution}:{candidate.origin.plugin}")
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything; it is told
            broken.append(Broken(candidate.origin, _explain(error, candidate.origin), error))
            continue
        offers, faults = _offers(manager, plugin, candidate.origin)
        provided.extend(offers)
        broken.extend(faults)
    manager.check_pending()
    strict = os.environ.get(STRICT, "") not in ("", "0")
    fatal = [fault for fault in broken if strict or fault.origin.place == "file"]
    if fatal:
        raise UserError(Problem(f"plugin cannot be used: {fault}") for fault in fatal)
    return Registry(provided, broken)


def _installed() -> Iterator[_Candidate]:
    points = importlib.metadata.entry_points(group=GROUP)
    for point in sorted(points, key=lambda point: (point.dist.name if point.dist else "", point.name)):
        distribution = point.dist.name if point.dist else None
        yield _Candidate(
            Origin(
                plugin=point.name,
                module=point.module,
                place="built-in" if distribution == OWN_DISTRIBUTION else "installed",
                distribution=distribution,
                version=point.dist.version if point.dist else None,
            ),
            point.load,
        )


def _local(files: Sequence[Path]) -> Iterator[_Candidate]:
    for file in files:
        try:
            content = file.read_bytes()
        except OSError as error:
            raise UserError(
                Problem(f"plugin file cannot be read: {error.strerror}", Location(str(file)))
            ) from error
        digest = hashlib.sha256(content).hexdigest()
        module = f"mabe_local_{file.stem}_{digest[:8]}"
        yield _Candidate(
            Origin(plugin=file.stem, module=module, place="file", file=file, sha256=digest),
            functools.partial(_import_file, file, module, content),
        )


def _import_file(file: Path, name: str, content: bytes) -> ModuleType:
    """Run exactly the bytes that were hashed, as a module that can be found again."""
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None, "a .py path always has a loader"
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        exec(compile(content, str(file), "exec"), module.__dict__)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _check_hooks(manager: pluggy.PluginManager, plugin: Any, origin: Origin) -> None:
    """Refuse what pluggy accepts in silence: hooks misspelled or not marked, plugins with none."""
    known = [kind.hook for kind in KINDS.values()]
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
    if not marked:
        raise PluginFault(f"{origin.module} implements no hook; hooks: {', '.join(known)}")


def _offers(
    manager: pluggy.PluginManager, plugin: Any, origin: Origin
) -> tuple[list[Provided], list[Broken]]:
    """Call each hook of one plugin by itself, so that it is known whose specs they are."""
    offers, faults = [], []
    for kind in KINDS.values():
        for impl in getattr(manager.hook, kind.hook).get_hookimpls():
            if impl.plugin is not plugin:
                continue
            try:
                offers += [Provided(spec, origin) for spec in _checked(impl.function(), kind, impl.function)]
            except (Exception, SystemExit) as error:  # noqa: BLE001 - as above
                faults.append(Broken(origin, _explain(error, origin), error))
    return offers, faults


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
    package = origin.module.partition(".")[0]
    frames = traceback.extract_tb(error.__traceback__)
    own = [
        frame
        for frame in frames
        if frame.filename == str(origin.file) or package in Path(frame.filename).with_suffix("").parts
    ]
    return f"{own[-1].filename}:{own[-1].lineno}: {what}" if own else what
