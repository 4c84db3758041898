"""How long commands take to start, beside Python itself and what others import first.

    python -m benchmarks.start_up [--rounds 9] [--json OUT]

Each is a process of its own, from its start to its end or, where told, to the first line on its screen; the
first round, which fills the disk's cache, does not count. `mabe-run` trains the quickstart in a new folder.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from benchmarks.in_turn import in_turn, keep, options, print_summary, summary

UNIT, OURS = "s", "mabe --help"
QUICKSTART = Path(__file__).parent.parent / "experiments" / "quickstart.yaml"
COMMANDS = {
    "python -c pass": (sys.executable, "-c", "pass"),
    OURS: (sys.executable, "-m", "mabe_core.cli", "--help"),
    "mabe list": (sys.executable, "-m", "mabe_core.cli", "list"),
    "mabe-run quickstart --dry-run": (
        sys.executable,
        "-m",
        "mabe_core.cli",
        "run",
        str(QUICKSTART),
        "--dry-run",
    ),
    "python -c 'import torch'": (sys.executable, "-c", "import torch"),
    "python -c 'import lightning'": (sys.executable, "-W", "ignore", "-c", "import lightning"),
}
FIRST_LINE = "mabe-run quickstart, to its first line"
FIRST_EPOCH = "mabe-run quickstart, to the end of its first epoch"


def whole(command: tuple[str, ...], folder: Path) -> float:
    """Return how long a command takes."""
    began = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment(folder))
    return time.monotonic() - began


def until(line: str, folder: Path) -> float:
    """Return how long `mabe-run` takes until a line that begins so is seen; it is ended then."""
    shutil.rmtree(folder / "runs", ignore_errors=True)
    command = (sys.executable, "-m", "mabe_core.cli", "run", str(QUICKSTART), "--device", "cpu")
    began = time.monotonic()
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, text=True, env=environment(folder)
    ) as process:
        assert process.stdout is not None
        for said in process.stdout:
            if said.startswith(line):
                took = time.monotonic() - began
                process.kill()
                return took
    raise SystemExit(f"mabe-run ended ({process.returncode}) without a line that begins with {line!r}")


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of a command that keeps what it caches in a folder."""
    root = str(QUICKSTART.parent.parent)
    paths = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "PYTHONPATH": paths, "MABE_CACHE": str(folder / "cache")}


def main() -> None:
    """Measure and print; --json writes the figures."""
    asked = options(__doc__, 9).parse_args()
    with tempfile.TemporaryDirectory(prefix="mabe-start-up-") as made:
        folder = Path(made)
        contenders = {name: partial(whole, command, folder) for name, command in COMMANDS.items()}
        contenders[FIRST_LINE] = partial(until, "", folder)
        contenders[FIRST_EPOCH] = partial(until, "epoch", folder)
        in_turn(contenders, 1, UNIT, asked.only)
        told = summary(in_turn(contenders, asked.rounds, UNIT, asked.only), OURS, UNIT)
    print_summary(told, OURS, UNIT)
    keep(asked, told)


if __name__ == "__main__":
    main()
