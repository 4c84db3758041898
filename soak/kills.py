"""Kills a writer of checkpoints at random moments, over and over.

    python -m soak.kills [--times 1000] [--tmpdir DIR] [--seed 1] [--json OUT]

A forked process writes checkpoints and announces each; after a random time it is killed by SIGKILL. Then the
newest whole checkpoint must be the last announced one or the next, nothing may look damaged, and the next
writer goes on from there. `--tmpdir` sets TMPDIR: another file system must make no difference.
"""

from __future__ import annotations

import os
import random
import signal
import tempfile
import time
from pathlib import Path

from mabe_core.runs.checkpoints import newest_checkpoint
from mabe_core.runs.directory import RunDirectory
from soak.telling import parser, tell
from soak.writer import announced, faults, laid_out, write, write_on


def kill_one(run: RunDirectory, moment: float) -> tuple[int, int, bool]:
    """Fork a writer and kill it after some seconds.

    Returns the last step that any writer announced, the last that this one did, and whether it left a part.
    """
    found, _ = newest_checkpoint(run.checkpoints)
    first = found.state["step"] + 1 if found else 1
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            write_on(run, first, writing)
        finally:
            os._exit(3)
    os.close(writing)
    time.sleep(moment)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "the writer ended by itself"
    last = announced(reading)
    os.close(reading)
    left = any(entry.name.startswith(".") for entry in run.checkpoints.iterdir())
    return max(last, first - 1), last, left


def usual(run: RunDirectory) -> float:
    """Return how many seconds it takes to write three times."""
    began = time.monotonic()
    for step in (1, 2, 3):
        write(run, step)
    return time.monotonic() - began


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--times", type=int, default=1000)
    options.add_argument("--tmpdir", type=Path, help="what TMPDIR is to be meanwhile")
    asked = options.parse_args()
    began, chance = time.monotonic(), random.Random(asked.seed)
    wrong: list[str] = []
    within = 0
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        run = laid_out(Path(folder))
        longest = 2 * usual(run)
        if asked.tmpdir is not None:
            os.environ["TMPDIR"] = str(asked.tmpdir)
        for number in range(asked.times):
            least, pointed, left = kill_one(run, chance.random() * longest)
            within += left
            wrong += [f"kill {number}: {fault}" for fault in faults(run, least, pointed)]
        written = newest_checkpoint(run.checkpoints)[0]
    tell(
        {
            "kills": asked.times,
            "within a write": within,
            "checkpoints written": written.state["step"] if written else 0,
            "faults": wrong,
        },
        began,
        asked.json,
    )


if __name__ == "__main__":
    main()
