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
from mabe_core.runs.files import write_whole

# torch's compiler reads and writes here, and Triton in a folder of it
VARIABLE = "TORCHINDUCTOR_CACHE_DIR"
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
        """Let torch find what was kept; to be called before it is imported."""
        os.environ[VARIABLE] = str(self.local)
        try:
            if self.kept.is_dir():
                shutil.copytree(self.kept, self.local, dirs_exist_ok=True)
        except OSError as error:  # shutil's own error is one
            _tell("fetched", error)
        self._known = set(self._files())

    def keep(self) -> None:
        """Copy to the volume what is new."""
        for file in self._files():
            if file not in self._known:
                self._known.add(file)
                try:
                    target = self.kept / file.relative_to(self.local)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    write_whole(target, file.read_bytes())
                except (OSError, RunError) as error:
                    _tell("kept", error)

    def _files(self) -> list[Path]:
        """Return the files that are whole: what is being written, and locks, are left out."""
        found = self.local.rglob("*") if self.local.is_dir() else ()
        return [file for file in found if file.is_file() and not PASSING.search(str(file))]


def _tell(what: str, error: Exception) -> None:
    print(f"note: compiled code could not be {what}, and is compiled again: {error}", file=sys.stderr)
