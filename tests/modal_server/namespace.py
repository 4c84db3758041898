"""Lays out what a container sees of the file system: system folders of the host, read-only, and its own rest.

Where user namespaces are forbidden the host's file system is shared: sources and home move into the task's
folder, and a mount path such as `/vol` becomes a link on the host if nothing is there, else it is refused.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

_ENTER = Path(__file__).with_name("enter.py")
# what a program needs of the host; /home, /work and the like stay out of sight, as they are in the cloud
_SYSTEM = {
    "bin",
    "dev",
    "etc",
    "lib",
    "lib32",
    "lib64",
    "libx32",
    "opt",
    "proc",
    "run",
    "sbin",
    "sys",
    "usr",
    "var",
}
_LIVE = {"dev", "proc", "sys"}  # kernel file systems: bound whole and as they are

HOME = PurePosixPath("/root")
PRIVATE = PurePosixPath("/__modal")


class NoPrivateView(Exception):
    """The shared view cannot hold what a container wants at some path."""


def private_view_works() -> bool:
    """Tell whether this host lets us build private views."""
    with tempfile.TemporaryDirectory() as folder:
        view = View(Path(folder), private=True)
        view.show(Path(sys.base_prefix))
        view.show(Path(sys.prefix))
        plan = view.plan([sys.executable, "-I", "-S", "-c", ""], {}, PurePosixPath("/"))
        return subprocess.run(plan, capture_output=True, check=False).returncode == 0


@dataclass
class View:
    """One container's file system under `folder`: add things, then take the plan that enters it."""

    folder: Path
    private: bool
    _binds: dict[str, tuple[Path, bool]] = field(default_factory=dict)
    _mount_points: list[Path] = field(default_factory=list)
    _links_on_host: list[Path] = field(default_factory=list)

    @property
    def root(self) -> Path:
        return self.folder / "root"

    def inside(self, path: PurePosixPath) -> Path:
        """Return where a path of the container lies, seen from the server."""
        return self.root / path.relative_to("/")

    def seen(self, path: PurePosixPath) -> str:
        """Return where a path of our own making lies, seen from the container."""
        return str(path if self.private else self.inside(path))

    def show(self, host_path: Path, writable: bool = False) -> None:
        """Let the container see a file or folder of the host at its own path."""
        self._binds[str(host_path)] = (host_path, not writable)

    def bind(self, host_path: Path, path: PurePosixPath) -> str:
        """Show a host file at another path; return the path to use."""
        if not self.private:
            return str(host_path)
        self._binds[str(path)] = (host_path, False)
        return str(path)

    def make_folder(self, path: PurePosixPath) -> Path:
        made = self.inside(path)
        made.mkdir(parents=True, exist_ok=True)
        return made

    def add_file(self, path: PurePosixPath, source: Path, mode: int | None = None) -> None:
        """Copy a file to a path, so that the container may change its copy."""
        target = self.inside(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
        if mode:
            target.chmod(mode | 0o400)
        if not self.private:
            self._link_on_host(path)

    def add_tree(self, folder: Path) -> None:
        """Copy a tree whose paths are relative to the root."""
        for source in sorted(folder.rglob("*")):
            path = PurePosixPath("/") / source.relative_to(folder).as_posix()
            if source.is_dir() and not source.is_symlink():
                self.make_folder(path)
            else:
                self.add_file(path, source)

    def link(self, path: PurePosixPath, target: PurePosixPath) -> None:
        """Make a path a link to a folder of ours, as a volume's mount path is."""
        place = self.inside(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.is_dir() and not place.is_symlink():
            place.rmdir()  # raises where the image has files: Modal wants a mount path to be empty
        place.symlink_to(self.seen(target))
        if not self.private:
            self._link_on_host(path)

    def move_own_files(self, to: Path) -> None:
        """Move out what was made in the root, without mount points and temporary files."""
        for place in reversed(self._mount_points):
            if place.is_symlink() or not place.is_dir():
                place.unlink(missing_ok=True)
            elif not any(place.iterdir()):
                place.rmdir()
        for private in (self.root / "tmp", self.inside(PRIVATE)):
            shutil.rmtree(private, ignore_errors=True)
        self.root.rename(to)

    def _link_on_host(self, path: PurePosixPath) -> None:
        """Give the shared view a path outside its home, and never touch what was there."""
        if HOME in path.parents:
            return
        missing = next((a for a in reversed(path.parents) if not Path(a).exists()), path)
        place, target = Path(missing), self.inside(missing)
        if place.is_symlink() and (place.resolve() == target.resolve() or not place.exists()):
            place.unlink()
        try:
            place.symlink_to(target)
        except OSError as error:
            raise NoPrivateView(
                f"{path} cannot be made: this host forbids private views (user namespaces), and {place}: "
                f"{error.strerror}. Allow user namespaces, or use a path that is free."
            ) from None
        self._links_on_host.append(place)

    def close(self) -> None:
        """Take back the links that a shared view has made on the host, and delete the folder."""
        for place in self._links_on_host:
            place.unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def plan(self, argv: list[str], env: dict[str, str], cwd: PurePosixPath) -> list[str]:
        """Return the command that enters this view and becomes `argv`."""
        for path in (HOME, PRIVATE, cwd):
            self.make_folder(path)
        binds = self._lay_out() if self.private else []
        plan = {
            "root": str(self.root) if self.private else "",
            "binds": binds,
            "cwd": self.seen(cwd),
            "argv": argv,
            "env": env,
            "parent": os.getpid(),
        }
        file = self.folder / "plan.json"
        file.write_text(json.dumps(plan))
        return [sys.executable, "-I", "-S", str(_ENTER), str(file)]

    def _lay_out(self) -> list[tuple[str, str, bool]]:
        """Make mount points for the host's folders around what is already in the root; return the binds."""
        self.make_folder(PurePosixPath("/tmp")).chmod(0o1777)
        host: list[tuple[str, str, bool]] = []
        for name in sorted(_SYSTEM):
            child = Path("/") / name
            if child.exists():
                self._mirror(child, host)
        wanted = []
        for path, (source, read_only) in self._binds.items():
            if not any(path == shown or path.startswith(shown + "/") for _, shown, _ in host):
                self._mount_point(self.root / path.lstrip("/"), source)
                wanted.append((str(source), path, read_only))
            elif not read_only:
                wanted.append((str(source), path, read_only))
        return host + sorted(wanted, key=lambda bind: bind[1])

    def _mirror(self, child: Path, binds: list[tuple[str, str, bool]]) -> None:
        """Show a host path; where the container has something of its own below it, show its neighbours."""
        place = self.root / child.relative_to("/")
        if child.is_symlink() and not place.exists():
            place.symlink_to(child.readlink())
            self._mount_points.append(place)
        elif child.is_dir() and child.name not in _LIVE and place.is_dir():
            for grandchild in sorted(child.iterdir()):
                self._mirror(grandchild, binds)
        elif not place.exists() and not place.is_symlink():
            self._mount_point(place, child)
            binds.append((str(child), str(child), child.name not in _LIVE))

    def _mount_point(self, place: Path, like: Path) -> None:
        self._mount_points.append(place)
        if like.is_dir():
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()
