"""The client and what it needs, in a folder that containers have at the end of their `sys.path`.

Modal mounts its client the same way, with the requirements of builder/2025.06.txt: a package that the image
lacks is missing unless it is one of these.
"""

from __future__ import annotations

import fcntl
import hashlib
import re
import shutil
import sys
from importlib import metadata
from pathlib import Path

import modal

from .accounts import IMAGE_BUILDER_VERSION

# mounted as bare packages, without the metadata that would make them look installed
_BARE = ("modal", "synchronicity")


def client_folder(cache: Path) -> Path:
    """Return the folder, made from the server's own packages where it is not there yet."""
    listed = (Path(modal.__file__).parent / "builder" / f"{IMAGE_BUILDER_VERSION}.txt").read_text()
    names = {re.split(r"[=;<> ]", line)[0] for line in listed.splitlines() if line.strip()}
    packages = [d for name in sorted(names | set(_BARE)) if (d := _distribution(name)) is not None]
    versions = "\n".join(f"{d.metadata['Name']} {d.version}" for d in packages) + sys.version
    folder = cache / f"client-{hashlib.sha256(versions.encode()).hexdigest()[:12]}"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "client.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            half_done = folder.with_suffix(".building")
            shutil.rmtree(half_done, ignore_errors=True)
            for package in packages:
                _copy(package, half_done)
            half_done.rename(folder)
    return folder


def _distribution(name: str) -> metadata.Distribution | None:
    try:
        return metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None  # needed by other Pythons only, such as async-timeout


def _copy(package: metadata.Distribution, folder: Path) -> None:
    bare = package.metadata["Name"] in _BARE
    for file in package.files or []:
        if ".." in file.parts or (bare and file.parts[0].endswith(".dist-info")):
            continue
        target = folder / file
        target.parent.mkdir(parents=True, exist_ok=True)
        source = Path(str(package.locate_file(file)))
        if source.exists():
            shutil.copy2(source, target)
