"""V3 on several GPUs of one host against one, by the real command: speed, losses, resumed on other numbers.

    python -m benchmarks.several_gpus [--gpus 2] [--batch 512] [--rounds 2] [--json OUT]
    python -m benchmarks.several_gpus --device cpu --batch 8 --steps 20 --rounds 1     # to see that it works

Speed: --batch windows a step for each GPU. Losses: the same --batch shared by all, in float32 without
dropout, one step an epoch. Resumed: a run on all GPUs is killed with SIGKILL and goes on with one, beside
three seeds that nobody disturbs. `--only speed losses resumed` does some of it.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import attrs

from benchmarks.context import write_figures

EXPERIMENT = Path(__file__).parent.parent / "experiments" / "v3_transformer.yaml"
PARTS = ("speed", "losses", "resumed")
SEEDS = (42, 43, 44)
EXACT = (
    "training.precision=float32",
    "compile=never",
    "model.dropout=0",
    "model.positional_encoding.dropout=0",
    "scheduler=null",
    "data.dataset.validation_recordings=1",
)


@attrs.frozen
class Ran:
    """What a run left: its record, and a line an epoch."""

    record: dict[str, Any]
    epochs: list[dict[str, Any]]


def command(folder: Path, device: str, gpus: int, *settings: str) -> list[str]:
    """Return the words that train V3."""
    words = ["run", str(EXPERIMENT), "--runs-dir", str(folder), "--device", device, "--num-gpus", str(gpus)]
    return [
        sys.executable,
        "-m",
        "mabe_core.cli",
        *words,
        *(word for each in settings for word in ("--set", each)),
    ]


def ran(folder: Path, device: str, gpus: int, *settings: str) -> Ran:
    """Train to the end; return what is in the run directory."""
    done = subprocess.run(
        command(folder, device, gpus, *settings), capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"exit status {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    (record,) = folder.glob("*/record.json")
    lines = (record.parent / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return Ran(json.loads(record.read_text(encoding="utf-8")), [json.loads(line) for line in lines])


def speed(asked: argparse.Namespace) -> dict[str, Any]:
    """Return windows a second on all GPUs over those on one, captured and plain, round by round."""
    found: dict[str, Any] = {}
    for step in ("auto", "plain"):
        rounds = []
        for _ in range(asked.rounds):
            rates = []
            for gpus in (1, asked.gpus):
                batch = asked.batch * gpus
                sized = (f"training.batch_size={batch}", f"training.windows_per_epoch={batch * asked.steps}")
                with tempfile.TemporaryDirectory() as folder:
                    run = ran(Path(folder), asked.device, gpus, *sized, "training.epochs=2", f"step={step}")
                rates.append(run.epochs[-1]["steps_per_second"])
            rounds.append(
                {"one": rates[0], "all": rates[1], "ratio": round(rates[1] * asked.gpus / rates[0], 3)}
            )
            print(f"speed, step {step}: {rounds[-1]}", flush=True)
        ratios = [each["ratio"] for each in rounds]
        found[step] = {
            "rounds": rounds,
            "ratio": statistics.median(ratios),
            "low": min(ratios),
            "high": max(ratios),
        }
    return found


def losses(asked: argparse.Namespace) -> dict[str, Any]:
    """Return by how much the losses of the first steps differ between all GPUs and one."""
    sized = (f"training.batch_size={asked.batch}", f"training.windows_per_epoch={asked.batch}")
    found = []
    for gpus in (1, asked.gpus):
        with tempfile.TemporaryDirectory() as folder:
            run = ran(Path(folder), asked.device, gpus, *sized, *EXACT, f"training.epochs={asked.compared}")
        found.append([line["train_loss"] for line in run.epochs])
    largest = max(abs(one - other) / abs(one) for one, other in zip(*found, strict=True))
    print(f"losses: {asked.compared} steps differ by {largest:.2e} at most", flush=True)
    return {"steps": asked.compared, "largest relative difference": largest, "one": found[0], "all": found[1]}


def resumed(asked: argparse.Namespace) -> dict[str, Any]:
    """Return the scores of a run that was begun on all GPUs and ended on one, and of undisturbed ones."""
    sized = (
        f"training.batch_size={asked.batch}",
        f"training.windows_per_epoch={asked.batch * asked.steps}",
        f"training.epochs={asked.epochs}",
    )
    undisturbed = []
    for seed in SEEDS:
        with tempfile.TemporaryDirectory() as folder:
            undisturbed.append(
                ran(Path(folder), asked.device, asked.gpus, *sized, f"seed={seed}").record["best"]
            )
    with tempfile.TemporaryDirectory() as folder:
        started = subprocess.Popen(
            command(Path(folder), asked.device, asked.gpus, *sized),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while not list(Path(folder).glob("*/last.json")):
            if started.poll() is not None:
                sys.exit(f"the run to be killed ended by itself, with status {started.returncode}")
            time.sleep(0.1)
        os.kill(started.pid, signal.SIGKILL)
        started.wait()
        run = ran(Path(folder), asked.device, 1, *sized)
    found = {
        "undisturbed": dict(zip(map(str, SEEDS), undisturbed, strict=True)),
        "resumed on one": run.record["best"],
        "record": run.record["changes"],
    }
    print(f"resumed: {found}", flush=True)
    return found


def main() -> None:
    """Measure what is asked for; print and keep it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gpus", type=int, default=2)
    parser.add_argument("--batch", type=int, default=512, help="windows a step for each GPU")
    parser.add_argument("--steps", type=int, default=200, help="of an epoch")
    parser.add_argument("--epochs", type=int, default=4, help="of the runs that are scored")
    parser.add_argument("--compared", type=int, default=50, help="steps whose losses are compared")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    figures: dict[str, Any] = {}
    for part, measure in zip(PARTS, (speed, losses, resumed), strict=True):
        if part in asked.only:
            figures[part] = measure(asked)
            if asked.json:  # so that what was measured is kept if the time is over
                write_figures(asked.json, {"gpus": asked.gpus, "batch": asked.batch, "figures": figures})


if __name__ == "__main__":
    main()
