"""Builds one image layer: the Dockerfile commands that the client sends, over a virtual environment.

Approximated: an image is a virtual environment, copied files and variables on top of the host's system
folders; apt-get is skipped; Docker instructions that do not matter to a function are skipped.
"""

from __future__ import annotations

import asyncio
import ensurepip
import hashlib
import json
import os
import re
import shlex
import shutil
import string
import sys
import venv
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from .image_copy import copied_files
from .namespace import HOME, View
from .pip_requests import PipRequest, UnmetRequest, link_packages, torch_closure

CLIENT_VARIABLE = "LOOPBACK_MODAL_CLIENT"
"""Names the client's folder to a container; unset while images are built, or pip would count it as installed."""

_SKIPPED = re.compile(r"^(apt-get|apt|echo 'debconf)\b|debconf-set-selections|^rm /modal_requirements")
_IGNORED = {"CMD", "ENTRYPOINT", "LABEL", "EXPOSE", "USER", "SHELL", "STOPSIGNAL", "MAINTAINER", "VOLUME"}
_MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"
_FROM_SERVER = re.compile(r"^(PIP_.*|SSL_CERT_.*|REQUESTS_CA_BUNDLE|https?_proxy|no_proxy)$", re.IGNORECASE)


class BuildFailure(Exception):
    """The build failed; the message is for whoever wrote the image."""


@dataclass
class ImageRecord:
    """What a finished image consists of, as paths on the host."""

    venv: str = ""
    files: list[str] = field(default_factory=list)  # trees of files, later ones on top
    env: dict[str, str] = field(default_factory=dict)
    workdir: str = str(HOME)
    shown: list[str] = field(default_factory=list)  # host folders that links lead to

    @property
    def python(self) -> Path:
        return Path(self.venv) / "bin" / "python"

    def furnish(self, view: View, writable: bool = False) -> None:
        """Put the image into a container's view."""
        view.show(Path(sys.base_prefix))
        view.show(Path(self.venv), writable)
        for folder in self.shown:
            view.show(Path(folder))
        for tree in self.files:
            view.add_tree(Path(tree))

    def variables(self) -> dict[str, str]:
        path = f"{self.venv}/bin:/usr/local/bin:/usr/bin:/bin"
        return {"PATH": path, "LANG": "C.UTF-8", "HOME": str(HOME), **self.env}


@dataclass
class Layer:
    """What one layer is built from."""

    commands: list[str]
    parents: dict[str, ImageRecord]
    context: dict[str, Path]  # path in the build context to content
    context_files: dict[str, bytes]
    variables: dict[str, str]  # build arguments and secrets
    cache: Path
    private: bool
    seed: list[str]

    def digest(self) -> bytes:
        """Hash everything that the result depends on."""
        contents = {path: source.name for path, source in sorted(self.context.items())}  # named by SHA-256
        files = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(self.context_files.items())}
        parts = [self.seed, self.commands, contents, files, self.variables]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).digest()

    async def build(self, folder: Path, say: Callable[[str], None]) -> ImageRecord:
        """Run the commands; raises BuildFailure."""
        folder.mkdir(parents=True)
        for name, data in self.context_files.items():
            place = folder / "context" / name.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
            self.context["/" + name.lstrip("/")] = place
        build = _Build(self, folder, say)
        for instruction, rest in _instructions(self.commands):
            await build.follow(instruction, rest)
        shutil.rmtree(folder / "work", ignore_errors=True)
        return build.record


@dataclass
class _Build:
    layer: Layer
    folder: Path
    say: Callable[[str], None]
    record: ImageRecord = field(default_factory=ImageRecord)
    owns_venv: bool = False

    async def follow(self, instruction: str, rest: str) -> None:
        if instruction == "FROM":
            await self._start_from(rest.split()[0])
        elif instruction == "RUN":
            await self._run(rest)
        elif instruction in ("COPY", "ADD"):
            self._copy(rest)
        elif instruction == "ENV":
            self._set_variables(rest)
        elif instruction == "WORKDIR":
            self.record.workdir = str(PurePosixPath(self.record.workdir) / shlex.split(rest)[0])
        elif instruction == "ARG":
            name, _, default = rest.partition("=")
            self.layer.variables.setdefault(name.strip(), default)
        elif instruction not in _IGNORED:
            raise BuildFailure(f"The loopback server does not know the instruction {instruction} {rest}")

    async def _start_from(self, tag: str) -> None:
        if tag in self.layer.parents:
            parent = self.layer.parents[tag]
            self.record = ImageRecord(
                parent.venv, list(parent.files), dict(parent.env), parent.workdir, list(parent.shown)
            )
            return
        wanted = re.match(r"^(?:docker\.io/)?(?:library/)?python:(\d+\.\d+)", tag)
        if wanted is None:
            raise BuildFailure(f"The loopback server builds on python: images only, not on {tag}")
        if wanted[1] != _MINOR:
            raise BuildFailure(
                f"The image wants Python {wanted[1]}, but the loopback server runs {_MINOR}: "
                f"use Image.debian_slim(python_version='{_MINOR}')"
            )
        self.say(f"FROM {tag}: a virtual environment of {sys.base_prefix}\n")
        self.record.venv = str(self.folder / "venv")
        self.owns_venv = True
        await asyncio.to_thread(_bare_environment, Path(self.record.venv))

    async def _run(self, command: str) -> None:
        self.say(f"RUN {command}\n")
        if _SKIPPED.search(command) or re.match(r"^pip install --upgrade pip( wheel)?( uv)?$", command):
            self.say("skipped: the loopback server uses the host's system packages and its own pip\n")
            return
        await self._own_venv()
        request = PipRequest.parse(command)
        if request is None:
            await self._in_image(["/bin/sh", "-c", command], keep_files=True)
            return
        for name in request.files:
            request.read_file(self._file_of_image(name))
        try:
            rest, torch = request.without_torch()
        except UnmetRequest as unmet:
            raise BuildFailure(str(unmet)) from None
        constraints = await self._link_torch(rest.names()) if torch else None
        if rest.requirements:
            await self._in_image(rest.arguments(self.record.python, constraints), keep_files=False)

    async def _own_venv(self) -> None:
        """Copy the parent's environment before this layer changes it."""
        if self.owns_venv:
            return
        old, new = self.record.venv, self.folder / "venv"
        copying = ["cp", "-a", "--reflink=auto", old, str(new)]
        process = await asyncio.create_subprocess_exec(*copying)
        if await process.wait() != 0:
            raise BuildFailure(f"Could not copy {old}")
        for script in (new / "bin").iterdir():  # their first lines name the old place
            if script.is_file() and not script.is_symlink() and old.encode() in (text := script.read_bytes()):
                script.write_bytes(text.replace(old.encode(), str(new).encode()))
        self.record.venv = str(new)
        self.owns_venv = True

    async def _link_torch(self, without: set[str]) -> Path:
        packages = torch_closure(without)
        self.say(f"linked, not downloaded: {', '.join(f'{p.name} {p.version}' for p in packages)}\n")
        homes = link_packages(packages, _site_packages(Path(self.record.venv)))
        self.record.shown += [str(home) for home in homes if str(home) not in self.record.shown]
        # in the environment, where the build can see it; pip must never replace a linked package
        constraints = Path(self.record.venv) / "linked.txt"
        constraints.write_text("".join(f"{p.name}=={p.version}\n" for p in packages))
        return constraints

    async def _in_image(self, argv: list[str], keep_files: bool) -> None:
        """Run a command in a view of the image so far; its new files become the image's."""
        view = View(self.folder / "work", self.layer.private)
        self.record.furnish(view, writable=True)
        env = {**self.record.variables(), **self.layer.variables, **_from_server(view, self.layer.cache)}
        if not self.layer.private:
            env["HOME"] = view.seen(HOME)
        plan = view.plan(argv, env, PurePosixPath(self.record.workdir))
        process = await asyncio.create_subprocess_exec(
            *plan,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        assert process.stdout is not None
        tail: list[str] = []
        async for line in process.stdout:
            text = line.decode(errors="replace")
            tail = [*tail[-30:], text]
            self.say(text)
        if await process.wait() != 0:
            raise BuildFailure(f"{shlex.join(argv)}\nfailed ({process.returncode}):\n{''.join(tail)}")
        if keep_files:
            kept = self.folder / f"files-{len(self.record.files)}"
            view.move_own_files(kept)
            self.record.files = [str(kept)]
        view.close()

    def _copy(self, rest: str) -> None:
        if "--from=" in rest:
            self.say(f"skipped: COPY {rest}\n")
            return
        folder = self.folder / f"files-{len(self.record.files)}"
        copied = copied_files(rest, self.layer.context, PurePosixPath(self.record.workdir))
        if not copied:
            raise BuildFailure(f"COPY {rest}: no such file in the build context")
        for path, source in copied.items():
            target = folder / path.relative_to("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
        self.record.files.append(str(folder))

    def _file_of_image(self, path: str) -> str:
        wanted = PurePosixPath(self.record.workdir) / path
        for tree in reversed(self.record.files):
            if (place := Path(tree) / wanted.relative_to("/")).is_file():
                return place.read_text()
        raise BuildFailure(f"The image has no file {wanted}")

    def _set_variables(self, rest: str) -> None:
        pairs = shlex.split(rest)
        if "=" not in pairs[0]:
            pairs = [f"{pairs[0]}={' '.join(pairs[1:])}"]
        for pair in pairs:
            name, _, value = pair.partition("=")
            self.record.env[name] = string.Template(value).safe_substitute(self.record.variables())


def _instructions(commands: list[str]) -> list[tuple[str, str]]:
    """Split Dockerfile text into (instruction, rest), with continued lines joined."""
    lines = "\n".join(commands).replace("\\\n", " ").splitlines()
    split = [
        line.strip().split(None, 1) for line in lines if line.strip() and not line.strip().startswith("#")
    ]
    return [(words[0].upper(), words[1] if len(words) > 1 else "") for words in split]


def _site_packages(environment: Path) -> Path:
    return environment / "lib" / f"python{_MINOR}" / "site-packages"


def _bare_environment(environment: Path) -> None:
    """Make a virtual environment with pip, which finds the client in containers but not while images are built."""
    venv.create(environment, symlinks=True, with_pip=False)
    site_packages = _site_packages(environment)
    bundled = Path(ensurepip.__file__).parent / "_bundled"
    with zipfile.ZipFile(next(bundled.glob("pip-*.whl"))) as wheel:
        wheel.extractall(site_packages)
    # site runs a line that begins with import, and may do so twice; site-packages is on the path by then
    (site_packages / "zz_modal_client.pth").write_text(
        f"import os, sys; c = os.environ.get('{CLIENT_VARIABLE}'); c and c not in sys.path and sys.path.append(c)\n"
    )
    pip = environment / "bin" / "pip"
    pip.write_text(
        f"#!{environment}/bin/python\nfrom pip._internal.cli.main import main\nraise SystemExit(main())\n"
    )
    pip.chmod(0o755)


def _from_server(view: View, cache: Path) -> dict[str, str]:
    """Return how the server reaches package registries, and show the build the files that this names."""
    env = {name: value for name, value in os.environ.items() if _FROM_SERVER.match(name)}
    own_config = Path.home() / ".config" / "pip" / "pip.conf"
    if own_config.exists():
        env.setdefault("PIP_CONFIG_FILE", str(own_config))
    for value in env.values():
        if value.startswith("/") and Path(value).exists():
            view.show(Path(value))
    downloads = cache / "pip"
    downloads.mkdir(parents=True, exist_ok=True)
    view.show(downloads, writable=True)
    return {**env, "PIP_CACHE_DIR": str(downloads), "PIP_ROOT_USER_ACTION": "ignore"}
