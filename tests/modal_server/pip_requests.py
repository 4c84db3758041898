"""What an image's `pip install` or `uv pip install` asks for, and how it is met without downloading torch.

Approximated: torch and what it needs are links to the server's own, so their version is the local one (a pin
must agree); CUDA packages are left out; uv's resolver is pip's, and uv's own options are dropped.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path, PurePosixPath

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

_PIP = re.compile(r"^(?:\S*/)?(?:uv\s+pip|pip3?|python3?\s+-m\s+(?:uv\s+)?pip)\s+install\s+(.*)$", re.DOTALL)
_SHELL = re.compile(r"&&|\|\||[;|<>`]|\$\(")
_WHICH_PYTHON = "$(command -v python)"
# never downloaded: they come with the local torch, or the host has no use for them
_TORCH_FAMILY = re.compile(r"^(torch|triton|pytorch-triton.*|nvidia-.*|cuda-.*)$")
_DROPPED_FLAGS = {"--compile-bytecode", "--system", "--break-system-packages"}
_DROPPED_OPTIONS = {"--python", "--index-strategy", "--torch-backend", "--exclude-newer", "--link-mode"}
_RENAMED = {
    "--requirements": "--requirement",
    "--default-index": "--index-url",
    "--index": "--extra-index-url",
    "--no-cache": "--no-cache-dir",
}
_WITH_VALUE = {
    "-r", "--requirement", "-c", "--constraint", "-f", "--find-links", "-i", "--index-url",
    "--extra-index-url", "--no-binary", "--only-binary", "--platform", "--trusted-host", "--prerelease", "-e",
}  # fmt: skip


class UnmetRequest(Exception):
    """The list cannot be met here; the message goes to whoever builds the image."""


@dataclass
class PipRequest:
    """A parsed `pip install`: options as pip takes them, requirements by themselves."""

    options: list[str] = field(default_factory=list)
    requirements: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)  # requirement files, paths in the image

    @classmethod
    def parse(cls, command: str) -> PipRequest | None:
        """Read a RUN line that is one pip or uv command; None if it is anything else."""
        match = _PIP.match(command.strip())
        if match is None:
            return None
        text = match[1].replace(_WHICH_PYTHON, "python")
        words = shlex.split(text)
        if _SHELL.search(re.sub(r"'[^']*'", "", text)):
            return None
        request = cls()
        while words:
            request._take(words.pop(0), words)
        return request

    def _take(self, word: str, rest: list[str]) -> None:
        name, has_value, value = word.partition("=") if word.startswith("--") else (word, "", "")
        name = _RENAMED.get(name, name)
        if name in _DROPPED_FLAGS:
            return
        if name in _DROPPED_OPTIONS | _WITH_VALUE and not has_value:
            value = rest.pop(0)
        if name in _DROPPED_OPTIONS:
            return
        if name in ("-r", "--requirement"):
            self.files.append(value)
        elif name == "--prerelease":
            self.options += ["--pre"] if value == "allow" else []
        elif name in _WITH_VALUE:
            self.options += [name, value]
        elif word.startswith("-"):
            self.options.append(word)
        else:
            self.requirements.append(word)

    def read_file(self, text: str) -> None:
        """Add the lines of a requirements file."""
        for line in text.replace("\\\n", " ").splitlines():
            plain = re.sub(r"(^|\s)#.*$", "", line).strip()
            words = shlex.split(plain) if plain.startswith("-") else [plain] if plain else []
            while words:
                self._take(words.pop(0), words)

    def without_torch(self) -> tuple[PipRequest, bool]:
        """Return what is left for pip, and whether torch was asked for.

        Raises UnmetRequest if torch is pinned to another version than the local one.
        """
        kept, torch = [], False
        for text in self.requirements:
            requirement = _parsed(text)
            name = canonicalize_name(requirement.name) if requirement else ""
            if requirement is not None and name == "torch":
                torch = True
                _agree(requirement)
            if not _TORCH_FAMILY.match(name):
                kept.append(text)
        return PipRequest(list(self.options), kept), torch

    def arguments(self, python: Path, constraints: Path | None) -> list[str]:
        """Return the pip command; `--no-deps` where every requirement is pinned, since nothing is left to find."""
        pinned = all(
            (r := _parsed(text)) is not None and "==" in str(r.specifier) for text in self.requirements
        )
        no_deps = ["--no-deps"] if pinned and "--no-deps" not in self.options else []
        limits = ["--constraint", str(constraints)] if constraints else []
        head = [str(python), "-m", "pip", "install", "--no-input", "--progress-bar", "off"]
        return [*head, *no_deps, *limits, *self.options, *self.requirements]

    def names(self) -> set[str]:
        return {canonicalize_name(r.name) for text in self.requirements if (r := _parsed(text)) is not None}


def _parsed(text: str) -> Requirement | None:
    try:
        return Requirement(text)
    except InvalidRequirement:  # a path or an address
        wheel = PurePosixPath(text)
        return Requirement(wheel.name.split("-")[0]) if wheel.suffix == ".whl" else None


def _agree(requirement: Requirement) -> None:
    try:
        local = Version(metadata.version("torch")).public
    except metadata.PackageNotFoundError:
        raise UnmetRequest("The image asks for torch, which the loopback server's own Python lacks") from None
    if not requirement.specifier.contains(local, prereleases=True) and not any(
        Version(pin.version).public == local for pin in requirement.specifier if pin.operator == "=="
    ):
        raise UnmetRequest(
            f"The image asks for {requirement}, but the loopback server links its own torch, {local}"
        )


def torch_closure(without: set[str]) -> list[metadata.Distribution]:
    """Return torch and what it needs among the server's own packages, except what is installed by name."""
    found: dict[str, metadata.Distribution] = {}
    pending = ["torch"]
    while pending:
        name = canonicalize_name(pending.pop())
        if name in found or name in without:
            continue
        try:
            found[name] = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        for text in found[name].requires or []:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                pending.append(requirement.name)
    return list(found.values())


def link_packages(packages: list[metadata.Distribution], site_packages: Path) -> list[Path]:
    """Link packages into another site-packages; return the folders that the links lead to."""
    homes = set()
    for package in packages:
        home = Path(str(package.locate_file("")))
        homes.add(home)
        for top in sorted({file.parts[0] for file in package.files or []} - {"..", "__pycache__"}):
            place = site_packages / top
            if not place.exists() and (home / top).exists():
                place.symlink_to(home / top)
    return sorted(homes)


def local_torch() -> str:
    """Name the local torch and where it lies; empty where there is none."""
    try:
        torch = metadata.distribution("torch")
    except metadata.PackageNotFoundError:
        return ""
    return f"torch {torch.version} in {torch.locate_file('')}"
