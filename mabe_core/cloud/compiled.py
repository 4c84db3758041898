"""What torch compiled in a container, kept on the volume for those that come after."""

from __future__ import annotations

import os
import re
import shutil
import sys
from importlib.metadata import version
from pathlib import Path

import attrs

from mabe_core.errors import RunError
from mabe_core.runs.files import remove_oldest, write_whole

# torch's compiler reads and writes here, and Triton in a folder of it
VARIABLE = "TORCHINDUCTOR_CACHE_DIR"
# so much is fetched when a container starts, and kept on the volume
MOST_BYTES = 1 << 28
# names of what is being written, by torch's compiler and by Triton, and of locks
PASSING = re.compile(r"\.tmp$|/tmp\.pid_|\.lock$|/locks/")


@attrs.define(eq=False)
class CompiledCode:
    """Files that torch's compiler looks up by their content's hash.

    kept: their folder on the volume. local: the container's own, so that the compiler's locks and many small
    files never meet the volume.
    """

    kept: Path
    local: Path
    _known: set[Path] = attrs.field(factory=set, init=False)

    @classmethod
    def on(cls, volume: Path, local: Path) -> CompiledCode:
        """Return that of the torch which is installed."""
        return cls(volume / "cache" / "compiled" / f"torch-{version('torch')}", local)

    def fetch(self) -> None:
        """Let torch find what was kept last; to be called before it is imported. What is older is removed."""
        os.environ[VARIABLE] = str(self.local)
        try:
            remove_oldest(_whole(self.kept), MOST_BYTES)
            if self.kept.is_dir():
                shutil.copytree(self.kept, self.local, dirs_exist_ok=True)
        except OSError as error:  # shutil's own is one
            _tell("fetched", error)
        self._known = set(_whole(self.local))

    def keep(self) -> None:
        """Copy to the volume what is new."""
        new = [file for file in _whole(self.local) if file not in self._known]
        self._known.update(new)
        try:
            for file in new:
                target = self.kept / file.relative_to(self.local)
                target.parent.mkdir(parents=True, exist_ok=True)
                write_whole(target, file.read_bytes())
        except (OSError, RunError) as error:
            _tell("kept", error)


def _whole(folder: Path) -> list[Path]:
    """Return the files that are whole: what is being written, and locks, are left out."""
    found = folder.rglob("*") if folder.is_dir() else ()
    return [file for file in found if file.is_file() and not PASSING.search(str(file))]


def _tell(what: str, error: Exception) -> None:
    print(f"note: compiled code could not be {what}, and is compiled again: {error}", file=sys.stderr)
