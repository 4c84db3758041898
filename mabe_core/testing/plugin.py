"""Checks a plugin, or one of its components, against everything that its kind promises."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from mabe_core.configs.fields import describe
from mabe_core.discovery import Examined, examine
from mabe_core.errors import Location, UserError
from mabe_core.exchange import DataAccess
from mabe_core.experiment.structure import resolve_component
from mabe_core.plugin_faults import place, problem_of
from mabe_core.registry import KINDS, Origin, Registry, collision_message
from mabe_core.specs import Spec
from mabe_core.testing import configs
from mabe_core.testing.findings import Finding, Subject, outcome, run
from mabe_core.testing.suites import SUITES
from mabe_core.testing.values import StoredValues

Settings = Mapping[tuple[str, str], Mapping[str, Any]]
NO_DATA = DataAccess(())
WATCH = Path(__file__).with_name("watch_imports.py")


def check_plugin(
    target: str | Path,
    *,
    settings: Settings | None = None,
    samples: Sequence[str | Path] = (),
    access: DataAccess = NO_DATA,
    stored: StoredValues | None = None,
) -> list[Finding]:
    """Check everything that a plugin offers.

    target: a plugin file or the name of a module. settings: by (kind, name), what a component is told beside
    its defaults; a component with required settings is skipped without. samples: files for readers.
    access: where data names are looked up. stored: the results of an earlier check, to compare with.
    Raises UserError where there is no such plugin.
    """
    examined = examine(str(target))
    ours = {offer.key for offer in examined.offers}
    others = [offer for offer in examined.registry.all() if offer.key not in ours]
    registry = Registry([*others, *examined.offers])  # so that a name that is taken can be looked up
    return [
        *_loading(examined, str(target)),
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
    """Return where a plugin's values are stored, beside its file or package; None where it is installed."""
    source = source_of(examine(str(target)).origin)
    if source is None or {"site-packages", "dist-packages"} & set(source.parts):
        return None
    return source.with_name(f"{source.stem}.check.json")


def check_component(
    spec: Spec[Any],
    settings: Mapping[str, Any] | None = None,
    *,
    registry: Registry,
    samples: Sequence[str | Path] = (),
    access: DataAccess = NO_DATA,
    stored: StoredValues | None = None,
) -> list[Finding]:
    """Check one component by the suite of its kind; arguments as of check_plugin.

    registry: where the components that it holds are looked up.
    """
    about = f"{KINDS[spec.kind].label} {spec.name}"
    findings = []
    for check in configs.CHECKS:
        finding = outcome(about, check, spec, spec)
        findings.append(attrs.evolve(finding, location=finding.location and place(spec.config)))
    missing = [
        field.name for field in describe(spec.config) if field.required and field.name not in (settings or {})
    ]
    if missing:
        message = f"settings are needed: {', '.join(missing)}. Name an experiment that gives them"
        return [*findings, Finding(about, "build", "skipped", f"{message} (--experiment, or settings=…)")]
    try:
        component = resolve_component(spec.kind, spec.name, settings or {}, registry)
    except UserError as error:
        where = place(spec.config)
        return [*findings, Finding(about, "settings are valid", "failed", str(error), where)]
    subject = Subject(component, tuple(map(Path, samples)), access)
    suite = SUITES[spec.kind]
    findings += run(about, suite, subject)
    if stored is not None and all(finding.status != "failed" for finding in findings):
        findings.append(stored.compare(about, suite, subject))
    return findings


def _loading(examined: Examined, target: str) -> Iterator[Finding]:
    about = f"plugin {examined.origin.plugin}"
    for broken in examined.broken:
        assert broken.error is not None, "examine keeps what was raised"
        problem = problem_of(broken.error, broken.origin)
        yield Finding(about, "loads", "failed", problem.message, problem.location)
    if not examined.broken:
        names = [*(f"{offer.spec.kind} {offer.spec.name}" for offer in examined.offers), *examined.events]
        yield Finding(about, "loads", "passed", ", ".join(names))
    for offers in examined.registry.collisions():
        ours = [offer for offer in offers if offer.origin == examined.origin]
        if ours:
            where = place(ours[0].spec.build)
            yield Finding(about, "names are its own", "failed", collision_message(offers), where)
    if examined.offers or examined.events:
        yield _is_light(examined, about, target)


def _is_light(examined: Examined, about: str, target: str) -> Finding:
    """Load the plugin in a process of its own, and see which packages that imports."""
    check = "nothing heavy is imported at load"
    source = source_of(examined.origin)
    path = os.pathsep.join(entry for entry in sys.path if entry)
    done = subprocess.run(
        [sys.executable, "-P", str(WATCH), target, str(source)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:]
        return Finding(about, check, "failed", f"in a process of its own it ends with {' '.join(last)}")
    found = json.loads(done.stdout.splitlines()[-1])
    if not found:
        return Finding(about, check, "passed")
    packages = ", ".join(each["package"] for each in found)
    message = (
        f"{packages} is imported when the plugin is loaded, by every `mabe` command: import it in `build`"
    )
    return Finding(about, check, "failed", message, Location(found[0]["file"], found[0]["line"]))


def source_of(origin: Origin) -> Path | None:
    """Return where a plugin's own code lies: its file, or its package's folder; None if it was not loaded."""
    if origin.file is not None:
        return origin.file
    module = sys.modules.get(origin.module)
    file = Path(str(module.__file__)) if module is not None and module.__file__ else None
    return file.parent if file is not None and file.name == "__init__.py" else file
