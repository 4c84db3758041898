"""What this machine has and lacks for running experiments, each with a remedy."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import attrs
from packaging.requirements import Requirement

from mabe_core.exchange import DataAccess
from mabe_core.registry import Registry, collision_message

State = Literal["good", "note", "broken"]

# a checkpoint of V3 with its optimizer is 40 MB, and a run keeps a handful
LEAST_SPACE = 500e6


@attrs.frozen
class Finding:
    """What one look found. note: nothing is broken, but something cannot be used as it is."""

    subject: str
    state: State
    message: str
    remedy: str = ""


def findings(registry: Registry, access: DataAccess, runs_dir: Path) -> Iterator[Finding]:
    """Yield all findings, the quick ones first."""
    yield from versions()
    yield from plugins(registry)
    yield cloud_account()
    yield from data_folders(access)
    yield from runs_folder(runs_dir)
    yield device()


def versions() -> Iterator[Finding]:
    """Compare what is installed with what the package asks for."""
    own = importlib.metadata.version("mabe-core")
    yield Finding("versions", "good", f"mabe-core {own}, Python {platform.python_version()}")
    for text in importlib.metadata.requires("mabe-core") or ():
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        remedy = f"pip install -U '{requirement.name}{requirement.specifier}'"
        try:
            found = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            yield Finding("versions", "broken", f"{requirement.name} is not installed", remedy)
            continue
        if not requirement.specifier.contains(found, prereleases=True):
            said = f"{requirement.name} is {found}, and {requirement.specifier} is needed"
            yield Finding("versions", "broken", said, remedy)


def plugins(registry: Registry) -> Iterator[Finding]:
    """Tell the plugins that could not be used, and the names that several offer."""
    for broken in registry.broken:
        yield Finding("plugins", "broken", str(broken), broken.remedy)
    for offers in registry.collisions():
        said, _, remedy = collision_message(offers).partition(". ")
        yield Finding("plugins", "broken", said, remedy)
    failed = {broken.origin for broken in registry.broken}
    loaded = sum(plugin.origin not in failed for plugin in registry.plugins)
    yield Finding("plugins", "good", f"{loaded} loaded, with {len(registry.usable())} components to name")


def cloud_account() -> Finding:
    """Tell whether Modal would find a token, in the environment or in its file; Modal itself is not asked."""
    remedy = "For `--cloud`, run `modal token new` once, or set MODAL_TOKEN_ID and MODAL_TOKEN_SECRET."
    by_environment = [name for name in ("MODAL_TOKEN_ID", "MODAL_TOKEN_SECRET") if os.environ.get(name)]
    if len(by_environment) == 2:
        return Finding("cloud", "good", "a Modal token is given by the environment")
    if by_environment:
        return Finding("cloud", "broken", f"of Modal's token only {by_environment[0]} is set", remedy)
    file = Path(os.environ.get("MODAL_CONFIG_PATH") or Path.home() / ".modal.toml")
    try:
        profiles = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Finding("cloud", "note", "no Modal account is set up here: experiments run here only", remedy)
    except (OSError, ValueError) as error:
        return Finding("cloud", "broken", f"{file} cannot be read: {error}", remedy)
    named = os.environ.get("MODAL_PROFILE")
    active = [
        name for name, entries in profiles.items() if isinstance(entries, dict) and entries.get("active")
    ]
    profile = named or (active or ["default"])[0]
    entries = profiles.get(profile)
    if isinstance(entries, dict) and entries.get("token_id") and entries.get("token_secret"):
        return Finding("cloud", "good", f"a Modal token is in {file}, profile {profile}")
    return Finding("cloud", "broken", f"{file} has no token for the profile {profile!r}", remedy)


def data_folders(access: DataAccess) -> Iterator[Finding]:
    """Tell which of the folders exist that data names are looked up in."""
    there = [folder for folder in access.folders if folder.is_dir()]
    named = os.environ.get("MABE_DATA")
    if named and not Path(named).is_dir():
        remedy = "Set MABE_DATA to the folder that holds the data's folders, or unset it."
        yield Finding("data", "broken", f"MABE_DATA is {named}, where no folder is", remedy)
    if there:
        yield Finding("data", "good", f"data names are looked up in {', '.join(map(str, there))}")
    elif not named:
        remedy = "Set MABE_DATA or --data-dir to the folder that holds your data's folders, or make ./data."
        yield Finding("data", "note", "there is no data folder: only generated data can be used", remedy)


def runs_folder(runs_dir: Path) -> Iterator[Finding]:
    """Tell whether runs can be written, and how much space is left for them."""
    nearest = next(folder for folder in (runs_dir, *runs_dir.absolute().parents) if folder.exists())
    remedy = "Name another folder by --runs-dir or MABE_RUNS."
    if not nearest.is_dir():
        yield Finding(
            "runs", "broken", f"runs cannot be written to {runs_dir}: {nearest} is no folder", remedy
        )
        return
    try:
        with tempfile.TemporaryFile(dir=nearest):
            yield Finding("runs", "good", f"runs are written to {runs_dir}")
    except OSError as error:
        said = f"runs cannot be written to {runs_dir}: {error.strerror} in {nearest}"
        yield Finding("runs", "broken", said, remedy)
    free = shutil.disk_usage(nearest).free
    if free < LEAST_SPACE:
        said = f"{free / 1e9:.1f} GB are free in {nearest}, and a run may need {LEAST_SPACE / 1e9:.1f} GB"
        yield Finding("disk", "broken", said, f"Remove runs that are no longer needed. {remedy}")
    else:
        yield Finding("disk", "good", f"{free / 1e9:.0f} GB are free in {nearest.absolute()}")


def device() -> Finding:
    """Tell what `device: auto` would be."""
    try:
        import torch
    except (ImportError, OSError) as error:
        return Finding("device", "broken", f"torch cannot be imported: {error}", "pip install -U torch")
    torch_version = f"torch {torch.__version__}"
    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
        return Finding("device", "good", f"{torch_version} on {', '.join(names)}")
    on_cpu = f"{torch_version} on the CPU, {torch.get_num_threads()} threads"
    if shutil.which("nvidia-smi"):
        remedy = "Install a torch built for the driver's CUDA (see pytorch.org), or update the driver."
        return Finding("device", "note", f"{on_cpu}, though this machine seems to have an NVIDIA GPU", remedy)
    return Finding("device", "good", f"{on_cpu}; no GPU is found")


def is_broken(found: Sequence[Finding]) -> bool:
    """Tell whether anything has to be mended."""
    return any(finding.state == "broken" for finding in found)
