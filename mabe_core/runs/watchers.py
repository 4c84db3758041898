"""Which plugins are told how a run goes on, and what they need to be installed."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator

from mabe_core.errors import Problem, UserError
from mabe_core.experiment import Experiment
from mabe_core.registry import Loaded, Origin, Registry


def watchers(experiment: Experiment, registry: Registry) -> tuple[Loaded, ...]:
    """Return the plugins that the experiment names as watchers, then each local file that watches runs."""
    named = [registry.watcher(name) for name in dict.fromkeys(experiment.watchers)]
    files = [each for each in registry.plugins if each.origin.place == "file" and each.events]
    return (*named, *(each for each in files if each not in named))


def check_installed(experiment: Experiment, registry_watchers: tuple[Loaded, ...]) -> None:
    """Raise UserError where the library of a watcher that the experiment names is not installed."""
    problems = [
        Problem(
            f"{each.origin.plugin} needs {', '.join(lacking)}: "
            f"`pip install '{each.origin.distribution}[{','.join(each.origin.extras)}]'`",
            path=f"watchers.{experiment.watchers.index(each.origin.plugin)}",
        )
        for each in registry_watchers
        if (lacking := list(_lacking(each.origin)))
    ]
    if problems:
        raise UserError(problems)


def _lacking(origin: Origin) -> Iterator[str]:
    """Yield the requirements of a plugin's extras that are not met here."""
    from packaging.requirements import Requirement

    if not origin.extras or origin.distribution is None:
        return
    for text in importlib.metadata.requires(origin.distribution) or ():
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or marker.evaluate({"extra": ""}):
            continue
        if any(marker.evaluate({"extra": extra}) for extra in origin.extras):
            try:
                found = importlib.metadata.version(requirement.name)
            except importlib.metadata.PackageNotFoundError:
                yield f"{requirement.name}, which is not installed"
                continue
            if found not in requirement.specifier:
                yield f"{requirement.name} {requirement.specifier}, not {found}"
