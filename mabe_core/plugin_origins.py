"""Where plugins come from: found by what a person calls them, without loading them."""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path

from mabe_core.errors import UserError, did_you_mean
from mabe_core.local_files import read_local_files
from mabe_core.registry import Origin

GROUP = "mabe"
OWN_DISTRIBUTION = "mabe-core"


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


def origin_of(target: str) -> Origin:
    """Return where a plugin comes from, by its file, its name, its distribution's name or its module.

    Raises UserError where there is none of that name, or several are.
    """
    if target.endswith(".py") or Path(target).is_file():
        return next(read_local_files([Path(target)]))
    installed = list(installed_plugins())
    meant = [origin for origin in installed if target in (origin.plugin, origin.module)]
    meant = meant or [origin for origin in installed if target == origin.distribution]
    if len(meant) > 1:
        modules = ", ".join(origin.module for origin in meant)
        raise UserError(f"{target!r} is the name of several plugins: name one by its module ({modules}).")
    if meant:
        return meant[0]
    if module_spec(target) is None:
        words = _lying_here(target) or did_you_mean(target, _names(installed))
        raise UserError(f"there is no plugin file, no plugin and no module {target!r}.{words}")
    return Origin(plugin=target, module=target, place="installed")


def source_of(origin: Origin) -> Path | None:
    """Return where a plugin's own code lies: its file, or its package's folder; None where there is none."""
    if origin.file is not None:
        return origin.file
    module = sys.modules.get(origin.module)
    found = module.__spec__ if module is not None else module_spec(origin.module)
    if found is None or found.origin is None:
        return None
    file = Path(found.origin)
    return file.parent if file.name == "__init__.py" else file


def module_spec(name: str) -> ModuleSpec | None:
    """Return where a module would be imported from, or None; the packages above it are imported."""
    if name.startswith("."):
        return None
    try:
        with contextlib.redirect_stdout(sys.stderr):
            found = importlib.util.find_spec(name)
    except ValueError:
        return None
    except (Exception, SystemExit) as error:
        above = name.rpartition(".")[0]
        if isinstance(error, ModuleNotFoundError) and f"{name}.".startswith(f"{error.name}."):
            return None
        raise UserError(
            f"{above}, imported to find {name}, raised {type(error).__name__}: {error}"
        ) from error
    return found if found is not None and found.origin is not None else None  # a plain folder has none


def _names(installed: Sequence[Origin]) -> list[str]:
    """Return what the installed plugins can be called."""
    names = (name for each in installed for name in (each.plugin, each.module, each.distribution))
    return list(dict.fromkeys(name for name in names if name))


def _lying_here(target: str) -> str:
    """Say what lies in the working directory under a name that is no plugin's."""
    if Path(f"{target}.py").is_file():
        return f" Did you mean the file '{target}.py'?"
    if Path(target, "pyproject.toml").is_file():
        return f" That is a folder with a package: `pip install -e {target}`, then name its plugin."
    return ""
