"""What a plugin's author did wrong, told with file and line: hooks, what they return, configs, functions."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pluggy

from mabe_core.configs.fields import faults
from mabe_core.errors import Location, Problem, did_you_mean, raising_line
from mabe_core.registry import EVENTS, KINDS, Kind, Origin
from mabe_core.specs import Spec


class PluginFault(ValueError):
    """Something in a plugin that its author has to mend; the message begins with file and line."""

    def __init__(self, message: str, location: Location | None = None) -> None:
        self.problem = Problem(message, location)
        super().__init__(str(self.problem))


def check_hooks(manager: pluggy.PluginManager, plugin: Any, origin: Origin) -> None:
    """Refuse what pluggy accepts in silence: hooks misspelled or not marked, plugins with none."""
    known = [*(kind.hook for kind in KINDS.values()), *EVENTS]
    marked = [name for name in dir(plugin) if manager.parse_hookimpl_opts(plugin, name) is not None]
    for name in marked:
        if name not in known:
            where = place(getattr(plugin, name))
            raise PluginFault(f"no hook is named {name!r}.{did_you_mean(name, known)}", where)
    for name, value in inspect.getmembers(plugin, inspect.isroutine):
        if name.startswith("mabe_") and name not in marked:
            message = f"{name} looks like a hook: mark it with @hookimpl, or rename it"
            raise PluginFault(message, place(value))
    for name in marked:
        told = _wrong_arguments(name, getattr(plugin, name))
        if told:
            raise PluginFault(f"{name} {told}", place(getattr(plugin, name)))
    if not marked:
        where = Location(str(origin.file)) if origin.file else None
        about = "it" if where else origin.module
        raise PluginFault(f"{about} implements no hook; hooks: {', '.join(known)}", where)


def _wrong_arguments(name: str, function: Callable[..., Any]) -> str:
    """Say what a hook asks for that it is not given, or why an event's body would never run."""
    parameters = inspect.signature(function).parameters.values()
    if name not in EVENTS:
        asked = [str(parameter) for parameter in parameters if parameter.default is parameter.empty]
        return f"is called with nothing, but asks for {', '.join(asked)}" if asked else ""
    given = EVENTS[name].arguments
    for parameter in parameters:
        by_name = parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        if not by_name or parameter.name not in given:
            hint = did_you_mean(parameter.name, given) if by_name else ""
            return f"is given {', '.join(given)}, by name, but asks for {parameter}.{hint}"
    if inspect.isgeneratorfunction(function) or inspect.iscoroutinefunction(function):
        return "is called as a plain function: no `yield`, no `async`"
    return ""


def checked_specs(specs: Any, kind: Kind, function: Callable[..., Any]) -> list[Spec[Any]]:
    """Return what a hook returned; raise PluginFault where it is not what its kind asks for."""
    where = place(function)
    if not isinstance(specs, (list, tuple)):
        message = f"{kind.hook} must return a list of {kind.spec.__name__}, not {_instead(specs)}"
        raise PluginFault(message, where)
    for spec in specs:
        if not isinstance(spec, kind.spec):
            found = type(spec).__name__
            raise PluginFault(f"{kind.hook} must return {kind.spec.__name__}, not {found}", where)
        _check_config(spec, where)
        _check_functions(spec, where)
    return list(specs)


def _instead(specs: Any) -> str:
    """Say what a hook returned in place of a list, and what to do about it."""
    if isinstance(specs, Spec):
        return "one by itself: put it in [ ]"
    if inspect.isgenerator(specs):
        return "a generator: `return [ … ]` in place of `yield`"
    if specs is None:
        return "None: `return` it"
    return f"a class, {specs.__name__}" if isinstance(specs, type) else type(specs).__name__


def _check_config(spec: Spec[Any], where: Location | None) -> None:
    told = faults(spec.config)
    if told:
        message = f"the config of {spec.kind} {spec.name!r}: {'; '.join(told)}"
        raise PluginFault(message, place(spec.config) or where)


def _check_functions(spec: Spec[Any], where: Location | None) -> None:
    """Refuse a `build`, or another function of the spec, that cannot be called with what it will be given."""
    for name, function in attrs.asdict(spec, recurse=False).items():
        annotation = str(attrs.fields_dict(type(spec))[name].type)
        if "Callable[" not in annotation or (function is None and annotation.endswith("None")):
            continue
        what = f"{name} of {spec.kind} {spec.name!r}"
        if not callable(function):
            raise PluginFault(f"{what} must be a function, not {function!r}", where)
        given = spec.given(name)
        try:
            inspect.signature(function).bind(*given)
        except TypeError as error:
            message = f"{what} is called with ({', '.join(given)}): {error}"
            raise PluginFault(message, place(function) or where) from None
        except ValueError:
            continue  # a function of C tells no signature


def place(thing: Any) -> Location | None:
    """Return where a function or class is written, or None where it has no source."""
    try:
        return Location(str(inspect.getsourcefile(thing)), inspect.getsourcelines(thing)[1])
    except (OSError, TypeError):
        return None


def problem_of(error: BaseException, origin: Origin) -> Problem:
    """Return what a plugin raised, with the line of its own file that did."""
    if isinstance(error, PluginFault):
        return error.problem
    if isinstance(error, SyntaxError):
        return Problem(f"{type(error).__name__}: {error.msg}", Location(str(error.filename), error.lineno))
    hint = _one_file(error, origin.file) if origin.file and isinstance(error, ImportError) else ""
    where = raising_line(error, origin.module, origin.file)
    return Problem(f"{type(error).__name__}: {error}{hint}", where)


def _one_file(error: ImportError, file: Path) -> str:
    """Say that a local plugin is one file, where it tried to import another one beside it."""
    beside = file.parent / str(error.name).partition(".")[0]
    if "relative import" in str(error) or beside.with_suffix(".py").exists() or beside.is_dir():
        return ". A local plugin is one file; more than one make a package: `mabe plugin new NAME --package`"
    return ""
