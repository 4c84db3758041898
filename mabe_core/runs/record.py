"""The record: what came of an experiment, and what made it."""

from __future__ import annotations

import datetime
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import attrs

from mabe_core import __version__
from mabe_core.errors import UserError
from mabe_core.registry import Origin, Provided
from mabe_core.runs.directory import RunDirectory
from mabe_core.runs.files import write_json
from mabe_core.runs.identity import EXPERIMENT_ID
from mabe_core.runs.shape import known, misfits

State = Literal["running", "interrupted", "failed", "finished"]

# what a result depends on, beside the plugins
SOFTWARE = ("torch", "numpy", "safetensors")


@attrs.define(kw_only=True)
class Record:
    """What `record.json` holds.

    stopped_early: why it ended before its last epoch. auto: what each `auto` of the experiment became.
    data: SHA-256 of each file that was read. partition: SHA-256 of the segments that the split made; none in
    records from before it was kept. components: who provides each component, with the hashes of its
    sources. attempts: times it was started. model_input: what the model expects of recordings
    (model_input.py). held_out: the final scores by name, of the part that `scores.json` says. software,
    machine, git: of the last attempt. changes: at which step it went on with others, in words. imported:
    where the weights came from, if not from training: file, sha256, and how their names were carried.
    """

    id: str
    state: State
    started: str = attrs.field(metadata={"time": True})
    updated: str = attrs.field(metadata={"time": True})
    attempts: int = 1
    epoch: int = 0
    epochs: int = 0
    step: int = 0
    monitor: str = ""
    best: float | None = None
    held_out: dict[str, float] = attrs.field(factory=dict)
    notice: str = ""
    failure: str = ""
    stopped_early: str = ""
    auto: dict[str, Any] = attrs.field(factory=dict)
    data: dict[str, str] = attrs.field(factory=dict)
    partition: str = ""
    report: dict[str, Any] = attrs.field(factory=dict)
    model_input: dict[str, Any] = attrs.field(factory=dict)
    components: list[dict[str, Any]] = attrs.field(
        factory=list, metadata={"needs": {"kind": str, "name": str, "sources": dict}}
    )
    software: dict[str, str] = attrs.field(factory=dict)
    machine: dict[str, Any] = attrs.field(factory=dict)
    git: dict[str, Any] | None = None
    changes: list[dict[str, Any]] = attrs.field(factory=list, metadata={"needs": {"step": int}})
    imported: dict[str, Any] | None = None

    def save(self, run: RunDirectory) -> None:
        """Write it, with the time of this change."""
        self.updated = now()
        write_json(run.record, attrs.asdict(self))


class DamagedRunError(UserError):
    """A run directory whose record cannot be read."""

    @classmethod
    def of(cls, run: RunDirectory, why: str) -> DamagedRunError:
        """Build the error for one run."""
        return cls(
            f"record.json of {run.id} is {why}, in {run.path}; `--fresh` trains again and moves the old run "
            "aside"
        )


def read_record(run: RunDirectory) -> Record | None:
    """Return a run's record, or None where there is no such file; raise DamagedRunError if it is damaged."""
    try:
        content = run.record.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise DamagedRunError.of(run, f"not to be read ({error.strerror})") from error
    return parse_record(run, content)


def parse_record(run: RunDirectory, content: bytes) -> Record:
    """Return the record that a run's record.json holds; raise DamagedRunError if it is damaged."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DamagedRunError.of(run, "damaged (not JSON)") from error
    if not isinstance(found, dict):
        raise DamagedRunError.of(run, "damaged (not a map)")
    wrong = misfits(found, Record)
    if not wrong and not EXPERIMENT_ID.fullmatch(found["id"]):
        wrong = ["id is none"]
    if wrong:
        raise DamagedRunError.of(run, f"damaged ({', '.join(wrong)})")
    return Record(**known(found, Record))


def now() -> str:
    """Return the time with its zone, to the second."""
    return datetime.datetime.now().astimezone().isoformat(timespec="seconds")


def software() -> dict[str, str]:
    """Return the versions that results depend on."""
    # its own version is in the code: in a container it is not installed, but copied
    versions = {"python": platform.python_version(), "mabe-core": __version__}
    for name in SOFTWARE:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return versions


def machine() -> dict[str, Any]:
    """Return what machine this is."""
    return {
        "host": platform.node(),
        "system": f"{platform.system()} {platform.release()}",
        "processor": platform.machine(),
        "cpu": cpu_name(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
    }


def cpu_name() -> str:
    """Return what the processor calls itself, as far as the system tells."""
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        told = ""
    names = [line.partition(":")[2].strip() for line in told.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.processor()


def git_revision(folder: Path) -> dict[str, Any] | None:
    """Return the commit of the checkout a folder is in and whether it was changed, or None."""

    def git(*words: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", "-C", str(folder), *words], capture_output=True, text=True, check=False, timeout=10
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    commit = git("rev-parse", "HEAD")
    return {"commit": commit, "changed": bool(git("status", "--porcelain"))} if commit else None


def describe_components(offers: Iterable[Provided]) -> list[dict[str, Any]]:
    """Return who provides each component, its version, and the hash of each of its source files."""
    return [
        {
            "kind": offer.spec.kind,
            "name": offer.spec.name,
            "version": offer.spec.version,
            "plugin": offer.origin.plugin,
            "place": offer.origin.place,
            "distribution": offer.origin.distribution,
            "distribution_version": offer.origin.version,
            "sources": source_hashes(offer.origin),
        }
        for offer in offers
    ]


def source_hashes(origin: Origin) -> dict[str, str]:
    """Return the SHA-256 of each Python file of a plugin, by its name within the plugin.

    Of an installed plugin that is the whole package that its module stands in, whose other modules it may
    import; of a built-in only what is its own.
    """
    if origin.file is not None:
        return {origin.file.name: str(origin.sha256)}
    whole = origin.module.partition(".")[0] if origin.place == "installed" else origin.module
    spec = importlib.util.find_spec(whole)
    if spec is None or spec.origin is None:  # a package without __init__.py may be several distributions'
        spec = importlib.util.find_spec(origin.module)
    assert spec is not None
    assert spec.origin is not None, "the plugin was imported from a file"
    source = Path(spec.origin)
    folder = source.parent
    files = sorted(folder.rglob("*.py")) if spec.submodule_search_locations else [source]
    return {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest() for file in files
    }
