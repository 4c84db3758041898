"""Reads the newest checkpoint in a loop while a writer replaces and deletes them.

    python -m soak.readers [--seconds 60] [--json OUT]

Each read must give a whole checkpoint, no older than what was announced before the read began, and nothing
may look damaged.
"""

from __future__ import annotations

import os
import signal
import tempfile
import time
from pathlib import Path

from mabe_core.runs.checkpoints import newest_checkpoint, read_pointer
from soak.telling import parser, tell
from soak.writer import ANNOUNCEMENT, laid_out, write, write_on


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--seconds", type=float, default=60.0)
    asked = options.parse_args()
    began = time.monotonic()
    wrong: list[str] = []
    reads, announced = 0, 1
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        run = laid_out(Path(folder))
        write(run, 1)
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        child = os.fork()
        if child == 0:
            try:
                write_on(run, 2, writing)
            finally:
                os._exit(3)
        try:
            while time.monotonic() < began + asked.seconds:
                announced = max(announced, _last(reading))
                found, damage = newest_checkpoint(run.checkpoints)
                pointer = read_pointer(run.last)
                reads += 1
                wrong += [f"read {reads}: {told}" for told in damage]
                if found is None or found.state["step"] < announced:
                    wrong.append(f"read {reads}: {found and found.name} after step {announced} was announced")
                if pointer is None or pointer["step"] < announced:
                    wrong.append(f"read {reads}: last.json says {pointer} after step {announced}")
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    tell({"reads": reads, "checkpoints written": announced, "faults": wrong}, began, asked.json)


def _last(pipe: int) -> int:
    try:
        content = os.read(pipe, ANNOUNCEMENT.size * 8192)
    except BlockingIOError:
        return 0
    return max(
        int(ANNOUNCEMENT.unpack_from(content, at)[0]) for at in range(0, len(content), ANNOUNCEMENT.size)
    )


if __name__ == "__main__":
    main()
