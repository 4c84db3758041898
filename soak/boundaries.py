"""Kills a writer at every call that changes its run directory, in turn; and lets each call fail.

    python -m soak.boundaries [--json OUT]

Needs a C compiler: soak/shim.c is preloaded. Each call is a boundary: opening, writing, flushing, renaming,
deleting. Before each the process is killed; each write is torn and then killed; each call fails for a full
disk and for a broken one (ENOSPC, EIO); each write is cut short. Afterwards the checkpoint that was announced
must be whole, a failure must have been told as a RunError that names the path, and the next write must work.
"""

from __future__ import annotations

import collections
import ctypes
import errno
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from mabe_core.errors import RunError
from mabe_core.runs.directory import RunDirectory
from soak.telling import parser, tell
from soak.writer import faults, laid_out, write

COUNT, KILL, TEAR, FAIL, SHORTEN = range(5)
SHIM = "MABE_SOAK_SHIM"
# how a child ended
DONE, REFUSED, WRONG = 0, 4, 5


def compiler() -> str | None:
    """Return a C compiler, if there is one."""
    return next((found for name in ("cc", "gcc", "clang") if (found := shutil.which(name))), None)


def preloaded(folder: Path) -> dict[str, str]:
    """Compile the shim into a folder; return the environment that preloads it."""
    found = compiler()
    if found is None:
        sys.exit("soak.boundaries needs a C compiler, and there is none")
    library = folder / "shim.so"
    source = Path(__file__).with_name("shim.c")
    subprocess.run([found, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    return {**os.environ, "LD_PRELOAD": str(library), SHIM: str(library)}


class Shim:
    """The preloaded library, from inside."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(os.environ[SHIM])
        self._library.shim_names.restype = ctypes.c_char_p

    def arm(self, folder: Path, at: int, action: int, error: int = 0) -> None:
        self._library.shim_arm(os.fsencode(folder), at, action, error)

    def names(self) -> list[str]:
        """Return the calls since it was armed, and let go."""
        self._library.shim_disarm()
        told: bytes = self._library.shim_names()
        return told.decode().splitlines()


def cases(calls: list[str]) -> Iterator[tuple[str, int, int, int]]:
    """Yield what is done at which call: in words, its number from 1, action, errno."""
    for number, call in enumerate(calls, start=1):
        yield "killed", number, KILL, 0
        for code in (errno.ENOSPC, errno.EIO):
            yield errno.errorcode[code], number, FAIL, code
        if call.startswith("write "):
            yield "torn", number, TEAR, 0
            yield "short write", number, SHORTEN, 0


def done(run: RunDirectory, step: int) -> int:
    """Write a step; return how that went."""
    try:
        write(run, step)
    except RunError as error:
        return REFUSED if str(run.path) in str(error) else WRONG
    return DONE


def ended(run: RunDirectory, shim: Shim, step: int, number: int, action: int, error: int) -> int:
    """Fork, arm, write a step; return the exit status, -9 where it was killed."""
    child = os.fork()
    if child == 0:
        status = WRONG
        try:
            shim.arm(run.path, number, action, error)
            status = done(run, step)
        finally:
            os._exit(status)
    _, raw = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(raw)


def main() -> None:
    asked = parser(__doc__).parse_args()
    if SHIM not in os.environ:
        with tempfile.TemporaryDirectory() as folder:
            words = [sys.executable, "-m", "soak.boundaries", *sys.argv[1:]]
            sys.exit(subprocess.run(words, env=preloaded(Path(folder)), check=False).returncode)
    began, shim = time.monotonic(), Shim()
    wrong: list[str] = []
    counts: collections.Counter[str] = collections.Counter()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        run = laid_out(Path(folder))
        for step in (1, 2):
            write(run, step)
        shim.arm(run.path, 0, COUNT)
        write(run, 3)
        calls = shim.names()
        step = 3
        for what, number, action, error in cases(calls):
            status = ended(run, shim, step + 1, number, action, error)
            where = f"{what} at call {number} ({calls[number - 1]})"
            counts[what] += 1
            expected = {KILL: (-signal.SIGKILL,), TEAR: (-signal.SIGKILL,), SHORTEN: (DONE,)}
            if status not in expected.get(action, (DONE, REFUSED)):
                wrong.append(f"{where}: ended with {status}")
            least = step + 1 if status == DONE else step
            wrong += [f"{where}: {fault}" for fault in faults(run, least, least)]
            write(run, step + 1)  # what was cut off is made up for
            wrong += [f"{where}, then written again: {fault}" for fault in faults(run, step + 1, step + 1)]
            left = [entry.name for entry in run.checkpoints.iterdir() if entry.name.startswith(".")]
            wrong += [f"{where}: {name} is left" for name in left]
            step += 1
    tell({"calls in one save": len(calls), **counts, "faults": wrong}, began, asked.json)


if __name__ == "__main__":
    main()
