"""Changes valid files of all kinds that are read, and sees that each works or is told, never a traceback.

    python -m soak.fuzz [--inputs 100000] [--only WORD] [--keep DIR] [--json OUT]
    python -m soak.fuzz --first N --last N     the inputs of these numbers again, with what was told

Two of three inputs are changed in structure: a key moved, a row dropped, a header exchanged, a number out of
range. The rest have bytes changed. Every tenth experiment goes through the command itself. An input fails
that raises anything but a user's error, says nothing, takes more than 10 s, ends the process, runs code that
was planted in it, or needs more than 2 GiB.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import IO, Any

import attrs

from mabe_core.runs.files import write_json
from soak.telling import parser, tell

# what one input may take: seconds of processor time, and of waiting for a machine that is busy
SECONDS, PATIENCE = 10.0, 120.0
MEMORY = 2 << 30
# a worker begins anew after so many, so that nothing that piles up hides
PORTION = 5000
ENDED = "ended"


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--inputs", type=int, default=100_000, help="how many")
    options.add_argument("--first", type=int, default=0, help="the number of the first input")
    options.add_argument("--last", type=int, help="the number of the last input; tells about each")
    options.add_argument("--only", default="", help="only files whose name has this word in it")
    options.add_argument("--keep", type=Path, help="write the inputs that fail to this folder")
    options.add_argument("--work", action="store_true", help="used by itself")
    asked = options.parse_args()
    if asked.work:
        from soak.fuzz_worker import work

        work(asked.first, asked.last, asked.seed, asked.only, asked.keep, Path(os.environ["FUZZ_FOLDER"]))
        return
    if asked.last is not None:
        asked.inputs = asked.last - asked.first + 1
    found, seconds = fuzz(asked.first, asked.inputs, asked, telling=asked.last is not None)
    tell(found, time.monotonic() - seconds, asked.json)


@attrs.define
class _Found:
    """What came of the inputs so far; at: the number of the next."""

    at: int
    counts: dict[str, int] = attrs.field(factory=dict)
    faults: list[str] = attrs.field(factory=list)
    slowest: float = 0.0
    largest: int = 0
    seconds: float = 0.0

    def add(self, number: int, result: dict[str, Any]) -> None:
        self.at = number + 1
        for key in (result["outcome"], f"changed in {result['how']}", f"of {result['form']}"):
            self.counts[key] = self.counts.get(key, 0) + 1
        self.slowest = max(self.slowest, result["seconds"])
        self.largest = max(self.largest, result["memory"])
        if result["outcome"] == "failed":
            self.faults.append(f"input {number}, {result['name']}: {result['told']}")

    def figures(self) -> dict[str, Any]:
        return {
            "inputs": sum(self.counts.get(each, 0) for each in ("worked", "refused", "failed")),
            **dict(sorted(self.counts.items())),
            "slowest, seconds": round(self.slowest, 2),
            "memory of a worker, MiB": self.largest >> 20,
            "faults": self.faults,
        }


def fuzz(first: int, inputs: int, asked: Any, *, telling: bool) -> tuple[dict[str, Any], float]:
    """Try inputs in worker processes, one at a time; return the figures, and the seconds it took.

    With --json, what was found so far lies beside that file, and the same command goes on with it.
    """
    end, began = first + inputs, time.monotonic()
    settings = [first, end, asked.seed, asked.only]
    kept = asked.json.with_suffix(".part") if asked.json else None
    found = _Found(first)
    if kept is not None and kept.exists():
        before = json.loads(kept.read_text(encoding="utf-8"))
        if before.pop("settings") == settings:
            found = _Found(**before)
    earlier = found.seconds
    ended: set[int] = set()
    while found.at < end:
        for number, result in _portion(found.at, min(found.at + PORTION, end), asked, ended):
            found.add(number, result)
            if telling:
                print(f"{number} {result['name']} ({result['how']}) {result['outcome']}: {result['told']}")
        found.seconds = earlier + time.monotonic() - began
        print(f"{found.at - first:,} inputs, {len(found.faults)} faults", flush=True)
        if kept is not None:
            write_json(kept, {"settings": settings, **attrs.asdict(found)})
    if kept is not None:
        kept.unlink()
    return found.figures(), found.seconds


def _portion(first: int, end: int, asked: Any, ended: set[int]) -> Any:
    """Yield each input's number and result; where the worker ends with one, that is its result.

    ended: inputs with which a worker was killed; only the second time is that taken for the input's doing.
    """
    with tempfile.TemporaryDirectory(prefix="mabe-fuzz-", dir=asked.folder) as folder:
        words = [sys.executable, "-m", "soak.fuzz", "--work", "--seed", str(asked.seed)]
        words += ["--first", str(first), "--last", str(end - 1), "--only", asked.only]
        words += ["--keep", str(asked.keep.absolute())] if asked.keep else []
        environment = {
            **os.environ,
            "FUZZ_FOLDER": folder,
            "FUZZ_SIGN": str(Path(folder, "sign")),
            "MABE_TRUSTED": str(Path(folder, "trusted")),
            "OMP_NUM_THREADS": "1",
            "PYTHONWARNINGS": "ignore",
        }
        process = subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )
        lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        assert process.stdout is not None
        assert process.stderr is not None
        said: list[str] = []
        readers = [
            threading.Thread(target=_read, args=(process.stdout, lines.put), daemon=True),
            threading.Thread(target=said.extend, args=(process.stderr,), daemon=True),
        ]
        for reader in readers:
            reader.start()
        begun: dict[str, Any] = {}
        waited = False
        try:
            while True:
                try:
                    line = lines.get(timeout=PATIENCE)
                except queue.Empty:
                    waited = True
                    process.kill()
                    line = ENDED
                if line == ENDED:
                    break
                told = json.loads(line)
                if "outcome" in told:
                    begun = {}
                    yield told["number"], told
                else:
                    begun = told
        finally:
            process.kill()
            status = process.wait()
        if begun and status == -signal.SIGKILL and not waited and begun["number"] not in ended:
            ended.add(begun["number"])
        elif begun:
            how = f"the process ended with status {status}: {' '.join(''.join(said).split()[-40:])}"
            yield begun["number"], {**begun, "outcome": "failed", "seconds": 0.0, "memory": 0, "told": how}
        elif status not in (0, -signal.SIGKILL):
            raise SystemExit(f"the worker could not begin: {''.join(said)}")


def _read(stream: IO[str], put: Any) -> None:
    for line in stream:
        put(line)
    put(ENDED)


if __name__ == "__main__":
    main()
