"""Damages a checkpoint in every way that one byte or one cut can, and sees that each is noticed.

    python -m soak.flips [--every 1] [--numbers 64] [--json OUT]

Every file of a checkpoint is cut off at each length, loses nothing but itself, and has each byte changed to
another one: two single bits and one random change a byte. Read again, it must count as damaged each time.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from mabe_core.runs.checkpoints import DamagedCheckpointError, read_checkpoint, write_checkpoint
from soak.telling import parser, tell
from soak.writer import made


def damages(content: bytes, every: int, chance: random.Random) -> Iterator[tuple[str, bytes]]:
    """Yield what was done, and the content after it."""
    for length in range(0, len(content), every):
        yield f"cut off after {length} bytes", content[:length]
    for place in range(0, len(content), every):
        for change in (1, 1 << chance.randrange(8), chance.randrange(1, 256)):
            changed = bytearray(content)
            changed[place] ^= change
            yield f"byte {place} changed by {change}", bytes(changed)
    yield "a byte more", content + b"\n"


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--every", type=int, default=1, help="look at each n-th byte only")
    options.add_argument("--numbers", type=int, default=64, help="weights in the checkpoint")
    asked = options.parse_args()
    began, chance = time.monotonic(), random.Random(asked.seed)
    wrong: list[str] = []
    counts = {"damages": 0, "bytes": 0}
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        checkpoint = write_checkpoint(Path(folder), made(3, asked.numbers))
        for file in sorted(checkpoint.iterdir()):
            whole = file.read_bytes()
            counts["bytes"] += len(whole)
            for what, content in damages(whole, asked.every, chance):
                counts["damages"] += 1
                file.write_bytes(content)
                if not noticed(checkpoint):
                    wrong.append(f"{file.name}: {what}")
            file.unlink()
            counts["damages"] += 1
            if not noticed(checkpoint):
                wrong.append(f"{file.name}: deleted")
            file.write_bytes(whole)
        assert not noticed(checkpoint), "it is whole again"
    tell({**counts, "faults": wrong}, began, asked.json)


def noticed(checkpoint: Path) -> bool:
    """Tell whether a checkpoint counts as damaged."""
    try:
        read_checkpoint(checkpoint)
    except DamagedCheckpointError:
        return True
    return False


if __name__ == "__main__":
    main()
