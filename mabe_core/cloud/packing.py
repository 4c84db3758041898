"""Packs an experiment for the cloud: the request, and what its image has to hold."""

from __future__ import annotations

import functools
import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote, urlparse
from urllib.request import url2pathname

import attrs
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from mabe_core.cloud.manifest import belongs
from mabe_core.cloud.request import CloudRequest
from mabe_core.errors import UserError
from mabe_core.experiment import Experiment
from mabe_core.plugin_origins import OWN_DISTRIBUTION
from mabe_core.registry import Origin, Registry
from mabe_core.runs.identity import experiment_id, providers
from mabe_core.runs.opening import local_files
from mabe_core.runs.record import git_revision
from mabe_core.runs.sent import SentExperiment
from mabe_core.runs.watchers import check_installed, watchers
from mabe_core.trust import trust_used

# what of our own requirements the container does not need from us: Modal brings its client along
BROUGHT_BY_MODAL = {"modal"}
# the system that Modal's containers have; requirements are read for it, whatever is used here
_LINUX = {
    "os_name": "posix",
    "sys_platform": "linux",
    "platform_system": "Linux",
    "platform_machine": "x86_64",
    "extra": "",
}


@attrs.frozen
class Packed:
    """A request and the wheels that its image installs."""

    request: CloudRequest
    wheels: tuple[Path, ...]


def pack(experiment: Experiment, registry: Registry, wheel_folder: Path, *, fresh: bool = False) -> Packed:
    """Pack an experiment with the plugins that it uses or that watch it.

    Raises UserError where the library of a watcher is not installed, or a plugin was installed from a folder
    that is no longer there, or cannot be built.
    """
    watching = watchers(experiment, registry)
    check_installed(experiment, watching)
    offers = providers(experiment, registry)
    used = [*(offer.origin for offer in offers), *(each.origin for each in watching)]
    files = local_files(used)
    for name, _ in files:
        if not belongs(f"plugins/{name}"):
            raise UserError(f"a plugin file for the cloud cannot be called {name!r}: rename it")
    trust_used(used)  # so that the run, once pulled, goes on here unasked
    origins = {origin.module: origin for origin in used if origin.place != "file"}
    distributions = {origin.distribution for origin in origins.values() if origin.distribution}
    outside = sorted(distributions - {OWN_DISTRIBUTION})
    local = {name: source for name in outside if (source := _local_source(name)) is not None}
    wheels = tuple(_wheel(name, source, wheel_folder) for name, source in local.items())
    request = CloudRequest(
        sent=SentExperiment.of(experiment_id(experiment, registry), experiment, files, used),
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        packages=tuple(requirements(_asked(origins.values()), without={OWN_DISTRIBUTION, *outside})),
        plugin_packages=tuple(_pinned(name) for name in outside if name not in local),
        wheels=tuple(wheel.name for wheel in wheels),
        cloud=experiment.cloud,
        git=git_revision(Path.cwd()),
        fresh=fresh,
    )
    return Packed(request, wheels)


def together(run_id: str, packed: Sequence[Packed]) -> Packed:
    """Return what an image holds in which each of these can run; run_id: what the launch is called."""
    requests = [each.request for each in packed]

    def union(of: Callable[[CloudRequest], Iterable[str]]) -> tuple[str, ...]:
        return tuple(sorted({name for request in requests for name in of(request)}))

    request = attrs.evolve(
        requests[0],
        sent=attrs.evolve(requests[0].sent, id=run_id),
        packages=union(lambda each: each.packages),
        plugin_packages=union(lambda each: each.plugin_packages),
        wheels=union(lambda each: each.wheels),
    )
    wheels = {wheel.name: wheel for each in packed for wheel in each.wheels}
    return Packed(request, tuple(wheels[name] for name in sorted(wheels)))


def _asked(origins: Iterable[Origin]) -> list[str]:
    """Return the distributions of plugins, and our own, with the extras that the plugins need."""
    with_extras = {f"{each.distribution}[{','.join(each.extras)}]" for each in origins if each.distribution}
    return sorted({OWN_DISTRIBUTION, *with_extras})


def requirements(distributions: Iterable[str], *, without: Iterable[str] = ()) -> list[str]:
    """Return distributions and all that they need, pinned to the versions that are here, sorted.

    A local part of a version (`+cpu`) is left off: where it was built is no part of what is asked for. What
    only another system needs, and what is not here, is left to the installer.
    """
    unwanted = {canonicalize_name(name) for name in (*without, *BROUGHT_BY_MODAL)}
    pinned: dict[str, str] = {}
    waiting = [Requirement(name) for name in distributions]
    seen: set[tuple[str, tuple[str, ...]]] = set()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        key = (name, tuple(sorted(requirement.extras)))
        if key in seen or name in BROUGHT_BY_MODAL:
            continue
        seen.add(key)
        try:
            found = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        if name not in unwanted:
            pinned[name] = _pinned(name)
        waiting.extend(_needed(found, requirement.extras))
    return [pinned[name] for name in sorted(pinned)]


def _pinned(distribution: str) -> str:
    version = Version(importlib.metadata.version(distribution))
    return f"{canonicalize_name(distribution)}=={version.public}"


def _needed(distribution: importlib.metadata.Distribution, extras: Iterable[str]) -> Iterator[Requirement]:
    environments = [{**_LINUX, "extra": extra} for extra in ("", *extras)]
    for text in distribution.requires or ():
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or any(marker.evaluate(environment) for environment in environments):
            yield requirement


def _local_source(distribution: str) -> Path | None:
    """Return the folder or archive that a distribution was installed from; None if it came from an index."""
    try:
        found = importlib.metadata.distribution(distribution)
    except importlib.metadata.PackageNotFoundError as error:
        raise UserError(f"{distribution} is not installed here, so it cannot be in the cloud") from error
    told = found.read_text("direct_url.json")
    url = json.loads(told).get("url", "") if told else ""
    if not url.startswith("file:"):
        return None
    source = Path(url2pathname(unquote(urlparse(url).path)))
    if not source.exists():
        raise UserError(
            f"{distribution} was installed from {source}, which is no longer there, so it cannot be built "
            "for the cloud: install it again, or from an index"
        )
    return source


@functools.cache  # a study packs many experiments with the same plugins into one folder
def _wheel(distribution: str, source: Path, folder: Path) -> Path:
    """Return a wheel of a distribution; the same source gives the same bytes, so that images are reused."""
    if source.suffix == ".whl":
        return source
    with tempfile.TemporaryDirectory(dir=folder) as made:
        done = subprocess.run(
            _pip("wheel", "--no-deps", "--quiet", "--wheel-dir", made, str(source)),
            env={**os.environ, "SOURCE_DATE_EPOCH": "315532800"},
            capture_output=True,
            text=True,
            check=False,
        )
        built = sorted(Path(made).glob("*.whl"))
        if done.returncode or not built:
            told = done.stderr.strip().splitlines()
            raise UserError(
                f"{distribution} cannot be built from {source}: {told[-1] if told else 'pip made no wheel'}"
            )
        return built[0].replace(folder / built[0].name)


def _pip(*words: str) -> Sequence[str]:
    return [sys.executable, "-m", "pip", "--disable-pip-version-check", *words]
