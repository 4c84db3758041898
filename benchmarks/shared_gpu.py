"""Several small members of a study on one GPU: the time of `mabe-run STUDY --jobs N` against `--jobs 1`.

    python -m benchmarks.shared_gpu [--jobs 1 2 3 4] [--rounds 2] [--device cuda] [--json OUT]

Each time is that of the whole command in an empty folder, starts of processes and all; members' final weights
are compared with those of `--jobs 1`. `--set` changes the study, as for `mabe-run`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import attrs

from benchmarks.context import write_figures

STUDY = Path(__file__).parent.parent / "experiments" / "quickstart_study.yaml"
# so that four at once have two turns each
SEEDS = "study.seeds=[0, 1, 2, 3]"


@attrs.frozen
class Turn:
    """One run of the whole study. weights: SHA-256 of each member's last model."""

    seconds: float
    weights: dict[str, str]


def turn(study: Path, jobs: int, device: str, settings: list[str]) -> Turn:
    """Run the study in an empty folder."""
    with tempfile.TemporaryDirectory() as name:
        runs = Path(name)
        words = ["run", str(study), "--jobs", str(jobs), "--device", device, "--runs-dir", str(runs)]
        words += [word for setting in settings for word in ("--set", setting)]
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "mabe_core.cli", *words], capture_output=True, text=True, check=False
        )
        seconds = time.perf_counter() - began
        if done.returncode:
            sys.exit(
                f"--jobs {jobs}: exit status {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
            )
        return Turn(seconds, {last.parent.name: _sha256(last) for last in sorted(runs.glob("*/last.json"))})


def _sha256(last: Path) -> str:
    checkpoint = json.loads(last.read_bytes())["checkpoint"]
    model = last.parent / "checkpoints" / checkpoint / "model.safetensors"
    return hashlib.sha256(model.read_bytes()).hexdigest()


def main() -> None:
    """Run the study with each number of jobs, in turn; print and keep what came of it."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--study", type=Path, default=STUDY)
    arguments.add_argument("--jobs", type=int, nargs="+", default=[1, 2, 3, 4])
    arguments.add_argument("--rounds", type=int, default=2)
    arguments.add_argument("--device", default="cuda")
    arguments.add_argument("--set", dest="settings", action="append", metavar="KEY=VALUE")
    arguments.add_argument("--json", type=Path)
    asked = arguments.parse_args()
    settings = [SEEDS] if asked.settings is None else asked.settings
    jobs = sorted({1, *asked.jobs})
    turns: dict[int, list[Turn]] = {each: [] for each in jobs}
    for number in range(asked.rounds):
        for each in jobs:
            turns[each].append(turn(asked.study, each, asked.device, settings))
            print(f"round {number + 1}: --jobs {each}: {turns[each][-1].seconds:.1f} s", flush=True)
    alone = turns[1]
    rows: list[dict[str, Any]] = []
    for each, taken in turns.items():
        ratios = [one.seconds / other.seconds for one, other in zip(alone, taken, strict=True)]
        rows.append(
            {
                "jobs": each,
                "seconds": [one.seconds for one in taken],
                "times as fast": statistics.median(ratios),
                "low": min(ratios),
                "high": max(ratios),
                "same weights": all(one.weights == alone[0].weights for one in taken),
            }
        )
    members = len(alone[0].weights)
    print(f"\n{members} members on {asked.device}")
    for row in rows:
        told = "the same weights" if row["same weights"] else "OTHER weights"
        print(
            f"--jobs {row['jobs']}: {row['times as fast']:.2f} times as fast as --jobs 1 "
            f"({row['low']:.2f} to {row['high']:.2f}), {told}"
        )
    if asked.json:
        write_figures(asked.json, {"members": members, "settings": settings, "rows": rows})


if __name__ == "__main__":
    main()
