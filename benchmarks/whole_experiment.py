"""The whole V3 experiment from the command to its end, beside the same in Lightning.

    python -m benchmarks.whole_experiment [--device cuda] [--rounds 1] [--set KEY=VALUE …] [--json OUT]

Both are commands in processes of their own, with empty folders and caches: they start Python, import,
generate the recordings, train each epoch's windows, validate after each epoch with accuracy and macro-F1, and
save.
Lightning is given our dataset and columns; its part is benchmarks/lightning_experiment.py.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.in_turn import in_turn, keep, options_of_v3, print_summary, summary
from benchmarks.start_up import environment
from benchmarks.training_speed import EXPERIMENT

UNIT, OURS = "s", "mabe-run"
# what each says last of its score on the validation recordings
SCORE = re.compile(r"macro_f1 ([01]\.\d+)")


def timed(command: list[str], scores: list[float]) -> float:
    """Return how long a command takes; note the last score that it tells."""
    with tempfile.TemporaryDirectory(prefix="mabe-whole-") as made:
        own = {
            **environment(Path(made)),
            "MABE_RUNS": f"{made}/runs",
            "TORCHINDUCTOR_CACHE_DIR": f"{made}/inductor",
            "TRITON_CACHE_DIR": f"{made}/triton",
        }
        began = time.monotonic()
        done = subprocess.run(
            command, cwd=made, env=own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        took = time.monotonic() - began
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}")
    told = SCORE.findall(done.stdout)
    scores.append(float(told[-1]))
    return took


def main() -> None:
    """Measure and print; --json writes the figures."""
    asked = options_of_v3(__doc__, 1).parse_args()
    settings = [f"device={asked.device}", *asked.set]
    commands = {
        OURS: ["mabe_core.cli", "run", str(EXPERIMENT), *(f"--set={each}" for each in settings)],
        "Lightning Trainer": ["benchmarks.lightning_experiment", str(EXPERIMENT), *settings],
    }
    scores: dict[str, list[float]] = {name: [] for name in commands}
    contenders = {
        name: partial(timed, [sys.executable, "-m", *command], scores[name])
        for name, command in commands.items()
    }
    found = in_turn(contenders, asked.rounds, UNIT, asked.only)
    told: dict[str, Any] = summary(found, OURS, UNIT)
    print_summary(told, OURS, UNIT)
    print("macro-F1 at the end:", {name: each for name, each in scores.items() if each})
    keep(asked, {name: {**each, "macro_f1": scores[name]} for name, each in told.items()})


if __name__ == "__main__":
    main()
