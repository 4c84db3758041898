"""A volume's files on disk: checked paths, listing, writing whole files by rename, copying, removing.

A file in a volume is never written in place: it is replaced by a new one, so whoever holds the old one
(a download under way, a hard link) keeps what it had.
"""

import os
import secrets
import shutil
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from grpclib import GRPCError, Status
from modal_proto import api_pb2

from .copying import copy_file

_FileType = api_pb2.FileEntry.FileType
_TYPES = {
    stat.S_IFDIR: _FileType.DIRECTORY,
    stat.S_IFREG: _FileType.FILE,
    stat.S_IFLNK: _FileType.SYMLINK,
    stat.S_IFIFO: _FileType.FIFO,
    stat.S_IFSOCK: _FileType.SOCKET,
}


def checked_path(path: str) -> PurePosixPath:
    """Return a volume path relative to the volume's root; refuse one that climbs out of it."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts or "\0" in path or any(len(part.encode()) > 255 for part in parts):
        raise GRPCError(Status.INVALID_ARGUMENT, f"{path!r} is not a path inside a volume")
    return PurePosixPath(*parts)


def lies_inside(place: Path, root: Path) -> bool:
    """Say whether the folder that holds `place` is in `root`, links followed."""
    return place == root or place.parent.resolve().is_relative_to(root.resolve())


class VolumeFiles:
    """The files of one volume, under `<folder>/files`. Changes hold `lock`; reading needs none."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "files"
        self.lock = threading.RLock()
        self._staging = folder / "staging"
        shutil.rmtree(self._staging, ignore_errors=True)
        for place in (self.root, self._staging):
            place.mkdir(parents=True, exist_ok=True)

    def place(self, path: str | PurePosixPath) -> Path:
        """Return where a path lies on disk; refuse one that a link in the volume leads outside."""
        place = self.root / checked_path(str(path))
        if not lies_inside(place, self.root):
            raise GRPCError(Status.INVALID_ARGUMENT, f"'{path}' leads out of the volume by a link")
        return place

    def existing(self, path: str | PurePosixPath) -> Path:
        place = self.place(path)
        if not os.path.lexists(place):
            raise GRPCError(Status.NOT_FOUND, f"No such file or directory in the volume: '{path}'")
        return place

    def readable(self, path: str | PurePosixPath) -> Path:
        """Return the file that a path names, through links inside the volume."""
        found = self.existing(path).resolve()
        if not found.is_relative_to(self.root.resolve()):
            raise GRPCError(Status.INVALID_ARGUMENT, f"'{path}' leads out of the volume by a link")
        if not found.exists():
            raise GRPCError(Status.NOT_FOUND, f"No such file in the volume: '{path}'")
        if not found.is_file():
            raise GRPCError(Status.INVALID_ARGUMENT, f"'{path}' is not a file")
        return found

    def entries(self, path: str, recursive: bool) -> Iterator[api_pb2.FileEntry]:
        """Yield what lies in a folder, sorted by path; for a file, the file itself."""
        place = self.existing(path)
        if not place.is_dir() or not place.resolve().is_relative_to(self.root.resolve()):
            yield self._entry(place)
            return
        for child in sorted(place.iterdir()):
            try:
                yield self._entry(child)
                if recursive and child.is_dir() and not child.is_symlink():
                    yield from self.entries(child.relative_to(self.root).as_posix(), recursive=True)
            except (FileNotFoundError, NotADirectoryError):
                continue  # removed meanwhile

    def _entry(self, place: Path) -> api_pb2.FileEntry:
        about = place.lstat()
        return api_pb2.FileEntry(
            path=place.relative_to(self.root).as_posix(),
            type=_TYPES.get(stat.S_IFMT(about.st_mode), _FileType.UNSPECIFIED),
            mtime=int(about.st_mtime),
            size=0 if stat.S_ISDIR(about.st_mode) else about.st_size,
        )

    def check_upload(self, paths: list[str], overwrite: bool) -> None:
        """Refuse an upload over a folder, below a file or, unless `overwrite`, over a file."""
        for path in paths:
            place = self.place(path)
            if place == self.root or place.is_dir():
                raise GRPCError(Status.ALREADY_EXISTS, f"'{path}' is a folder in the volume")
            if not overwrite and os.path.lexists(place):
                raise GRPCError(Status.ALREADY_EXISTS, f"'{path}' already exists in the volume")
            inner = list(place.relative_to(self.root).parents)[:-1]
            if any((self.root / parent).exists() and not (self.root / parent).is_dir() for parent in inner):
                raise GRPCError(Status.INVALID_ARGUMENT, f"A folder of '{path}' is a file in the volume")

    @contextmanager
    def replacing(self, path: str | PurePosixPath, mode: int | None = None) -> Iterator[Path]:
        """Give a temporary file to fill; then put it in the volume under `path`, whatever was there."""
        place = self.place(path)
        temporary = self._staging / secrets.token_hex(8)
        try:
            yield temporary
            if mode is not None:
                temporary.chmod(mode)
            with self.lock:
                if not place.parent.is_dir():
                    self.make_folder(place.parent)
                if place.is_dir() and not place.is_symlink():
                    shutil.rmtree(place)
                temporary.replace(place)
        finally:
            temporary.unlink(missing_ok=True)

    def make_folder(self, place: Path) -> None:
        """Make a folder and those above it, in the place of files and links where such are in the way."""
        step = self.root
        for part in place.relative_to(self.root).parts:
            step = step / part
            if step.is_symlink() or not step.is_dir():
                step.unlink(missing_ok=True)
                step.mkdir()

    def remove(self, path: str, recursive: bool) -> None:
        with self.lock:
            place = self.existing(path)
            if not place.is_dir() or place.is_symlink():
                place.unlink()
            elif not recursive:
                raise GRPCError(Status.INVALID_ARGUMENT, f"'{path}' is a folder; remove it recursively")
            elif place == self.root:
                for entry in list(self.entries("", recursive=False)):
                    self.remove(entry.path, recursive=True)
            else:
                shutil.rmtree(place)

    def copy(self, sources: list[str], destination: str, recursive: bool) -> None:
        """Copy as `cp` does: into an existing folder, or, one source only, to that very path."""
        with self.lock:
            target = self.place(destination)
            into = target.is_dir()
            if not into and (len(sources) > 1 or destination.endswith("/")):
                raise GRPCError(Status.INVALID_ARGUMENT, f"'{destination}' is not a folder in the volume")
            if not target.parent.is_dir():
                raise GRPCError(Status.NOT_FOUND, f"No such folder in the volume: the one of '{destination}'")
            for source in sources:
                place = self.existing(source)
                self._copy_one(place, target / place.name if into else target, source, recursive)

    def _copy_one(self, place: Path, target: Path, source: str, recursive: bool) -> None:
        if place.is_symlink() or not place.is_dir():
            if target == place:
                raise GRPCError(Status.INVALID_ARGUMENT, f"'{source}' and its copy are the same file")
            if target.is_dir():
                raise GRPCError(Status.INVALID_ARGUMENT, f"'{target.relative_to(self.root)}' is a folder")
            with self.replacing(target.relative_to(self.root).as_posix()) as temporary:
                copy_file(place, temporary)
        elif not recursive:
            raise GRPCError(Status.INVALID_ARGUMENT, f"'{source}' is a folder; copy it recursively")
        elif target == place or place in target.parents:
            raise GRPCError(Status.INVALID_ARGUMENT, f"'{source}' cannot be copied into itself")
        else:
            self.make_folder(self.place(target.relative_to(self.root).as_posix()))
            for child in sorted(place.iterdir()):
                self._copy_one(child, target / child.name, source, recursive)
