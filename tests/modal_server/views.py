"""A container's private copy of a volume: what it writes is nobody else's until it is committed.

Approximated: the whole volume is copied when the view is opened (Modal mounts it and fetches on demand);
`reload` leaves own uncommitted changes as they are and unpublished; owners, hard links, modes of folders and
extended attributes are not carried over.
"""

import filecmp
import os
import secrets
import shutil
import stat
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from grpclib import GRPCError, Status

from .copying import copy_file
from .volume_files import VolumeFiles, lies_inside

# a file changed within one tick of the kernel's clock after it was looked at keeps its stamp
_CLOCK_TICK_NS = 20_000_000
_Stamp = tuple[int, int, int, int]


@dataclass
class _Tree:
    """What lay in a folder at one moment, by relative path."""

    files: dict[str, _Stamp] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    fresh: set[str] = field(default_factory=set)  # too young for the stamp to prove that nothing changes

    @classmethod
    def of(cls, folder: Path) -> "_Tree":
        tree = cls()
        pending = [folder]
        while pending:
            for entry in _scan(pending.pop()):
                path = os.path.relpath(entry.path, folder)
                if entry.is_dir(follow_symlinks=False):
                    tree.folders.add(path)
                    pending.append(Path(entry.path))
                else:
                    tree.note(path, Path(entry.path))
        return tree

    def note(self, path: str, place: Path) -> None:
        """Take down the present stamp of one file; forget it where it is gone or no file."""
        self.files.pop(path, None)
        self.fresh.discard(path)
        try:
            about = place.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return
        if not stat.S_ISREG(about.st_mode) and not stat.S_ISLNK(about.st_mode):
            return
        self.files[path] = (about.st_ino, about.st_size, about.st_mtime_ns, about.st_mode)
        if about.st_mtime_ns > time.time_ns() - _CLOCK_TICK_NS:
            self.fresh.add(path)

    def differs(self, path: str, then: "_Tree") -> bool:
        return self.files.get(path) != then.files.get(path)


class View:
    """One private copy, in `folder`. Its methods block: call them in a thread."""

    def __init__(self, files: VolumeFiles, folder: Path) -> None:
        self.folder = folder
        self._volume = files
        with files.lock:
            self._require_volume()
            shutil.copytree(files.root, folder, symlinks=True, copy_function=copy_file, dirs_exist_ok=True)
            self._theirs = _Tree.of(files.root)
        self._mine = _Tree.of(folder)

    def commit(self) -> int:
        """Publish what was made, changed or deleted here; return how many files that were."""
        now = _Tree.of(self.folder)
        changed = [path for path in now.files if self._changed(path, now)]
        gone = [path for path in self._mine.files if path not in now.files]
        with self._volume.lock:
            self._require_volume()
            for folder in sorted(now.folders - self._mine.folders):
                self._volume.make_folder(self._volume.root / folder)
            published = [path for path in changed if self._publish(path, now)]
            for path in gone:
                _unlink(self._volume.root / path, self._volume.root)
            for folder in sorted(self._mine.folders - now.folders, reverse=True):
                _remove_if_empty(self._volume.root / folder, self._volume.root)
            for path in published + gone:
                self._theirs.note(path, self._volume.root / path)
        self._mine = now
        return len(published) + len(gone)

    def reload(self) -> None:
        """Take what others committed, except where this view has changes of its own."""
        now = _Tree.of(self.folder)
        incoming = self.folder.with_name(f"{self.folder.name}.reload-{secrets.token_hex(4)}")
        incoming.mkdir()
        try:
            with self._volume.lock:
                self._require_volume()
                theirs = _Tree.of(self._volume.root)
                own = {p for p in now.files | self._mine.files if p not in now.files or self._changed(p, now)}
                for path in self._theirs.files.keys() - theirs.files.keys() - own:
                    _unlink(self.folder / path, self.folder)
                    now.note(path, self.folder / path)
                for folder in sorted(self._theirs.folders - theirs.folders, reverse=True):
                    _remove_if_empty(self.folder / folder, self.folder)
                for folder in sorted(theirs.folders - self._theirs.folders):
                    with suppress(FileExistsError, NotADirectoryError):  # an own file is in the way
                        if lies_inside(self.folder / folder, self.folder):
                            (self.folder / folder).mkdir(parents=True, exist_ok=True)
                for path in theirs.files:
                    if path not in own and theirs.differs(path, self._theirs):
                        self._take(path, incoming / "file")
                        now.note(path, self.folder / path)
        finally:
            shutil.rmtree(incoming)
        for path in own:  # as they were at the last commit, so that the next one still sees the change
            _restore(now, self._mine, path)
        now.folders = {f for f in self._mine.folders | theirs.folders if (self.folder / f).is_dir()}
        self._mine, self._theirs = now, theirs

    def _changed(self, path: str, now: _Tree) -> bool:
        if now.differs(path, self._mine):
            return True
        return path in self._mine.fresh and self._differs_from_last_sync(path)

    def _differs_from_last_sync(self, path: str) -> bool:
        mine, theirs = self.folder / path, self._volume.root / path
        present = _Tree()
        present.note(path, theirs)
        if mine.is_symlink() or present.differs(path, self._theirs):
            return False  # the content of the last sync is no longer there to compare with
        return not filecmp.cmp(mine, theirs, shallow=False)

    def _publish(self, path: str, now: _Tree) -> bool:
        self._volume.make_folder((self._volume.root / path).parent)
        try:
            with self._volume.replacing(path) as temporary:
                copy_file(self.folder / path, temporary)
        except FileNotFoundError:  # deleted since the look at the folder: the next commit sees it
            _restore(now, self._mine, path)
            return False
        return True

    def _take(self, path: str, temporary: Path) -> None:
        target = self.folder / path
        with suppress(FileExistsError, NotADirectoryError, IsADirectoryError):  # own work is in the way
            if lies_inside(target, self.folder):
                target.parent.mkdir(parents=True, exist_ok=True)
                copy_file(self._volume.root / path, temporary)
                temporary.replace(target)

    def _require_volume(self) -> None:
        if not self._volume.root.is_dir():
            raise GRPCError(Status.NOT_FOUND, "The volume was deleted")


def _restore(tree: _Tree, then: _Tree, path: str) -> None:
    tree.files.pop(path, None)
    tree.fresh.discard(path)
    if path in then.files:
        tree.files[path] = then.files[path]
    if path in then.fresh:
        tree.fresh.add(path)


def _scan(folder: Path) -> list[os.DirEntry[str]]:
    try:
        return list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):  # removed since its parent was listed
        return []


def _unlink(place: Path, root: Path) -> None:
    if lies_inside(place, root) and (place.is_symlink() or not place.is_dir()):
        with suppress(FileNotFoundError, NotADirectoryError):
            place.unlink()


def _remove_if_empty(folder: Path, root: Path) -> None:
    with suppress(OSError):
        if lies_inside(folder, root):
            folder.rmdir()
