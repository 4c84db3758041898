"""How long `mabe runs --where` takes among many runs: the first time, then indexed, then after changes.

python -m benchmarks.many_runs [--runs 10000] [--json FILE]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import attrs

from benchmarks.context import write_figures
from mabe_core.discovery import load_plugins
from mabe_core.experiment import read_document, resolve, to_text
from mabe_core.runs.record import Record

EXPERIMENT = Path(__file__).parent.parent / "experiments" / "v3_transformer.yaml"
QUERY = "model=transformer and macro_f1>0.6 and optimizer.learning_rate<1e-3"


def make(runs_dir: Path, number: int, text: str) -> Path:
    """Write one run directory: record, experiment, eight epochs."""
    draw = random.Random(number)
    name = f"try-{hashlib.sha256(str(number).encode()).hexdigest()[:10]}"
    folder = runs_dir / name
    folder.mkdir(parents=True)
    score = draw.random()
    time = f"2026-11-{draw.randint(1, 28):02d}T10:00:00+00:00"
    record = Record(id=name, state="finished", started=time, updated=time, epochs=8, epoch=8, best=score)
    record.monitor = "macro_f1"
    record.held_out = {"macro_f1": score, "accuracy": draw.random()} if number % 2 else {}
    (folder / "record.json").write_text(json.dumps(attrs.asdict(record)))
    rate = draw.choice(["0.0001", "0.01"])
    (folder / "experiment.yaml").write_text(
        text.replace("seed: 42", f"seed: {number}").replace("learning_rate: 0.0001", f"learning_rate: {rate}")
    )
    lines = [{"epoch": epoch, "step": epoch, "val_macro_f1": score * epoch / 8} for epoch in range(1, 9)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    best = {"checkpoint": "step-00000008", "epoch": 8, "step": 8, "score": score}
    (folder / "best.json").write_text(json.dumps(best))
    return folder


@attrs.frozen(order=True)
class Took:
    """What one command took: seconds on the clock, and of the processor; on a busy machine these differ."""

    clock: float
    processor: float


def timed(runs_dir: Path) -> Took:
    """Run the command as a person does."""
    words = ["runs", "--where", QUERY, "--sort", "-macro_f1", "--limit", "20", "--runs-dir", str(runs_dir)]
    began, used = time.perf_counter(), processor_seconds()
    subprocess.run([sys.executable, "-m", "mabe_core.cli", *words], capture_output=True, check=True)
    return Took(time.perf_counter() - began, processor_seconds() - used)


def processor_seconds() -> float:
    """Return what the processes that ended have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    asked = parser.parse_args()
    text = to_text(resolve(read_document(EXPERIMENT), load_plugins()))
    with tempfile.TemporaryDirectory() as folder:
        runs_dir = Path(folder) / "runs"
        made = [make(runs_dir, number, text) for number in range(asked.runs)]
        empty = Path(folder) / "empty"
        empty.mkdir()
        time.sleep(2.5)  # what was written this moment is read again, in case it changes once more
        took = {
            "no runs at all": min(timed(empty) for _ in range(3)),
            "the first time": timed(runs_dir),
            "indexed": min(timed(runs_dir) for _ in range(7)),
        }
        make(runs_dir, asked.runs, text)
        took["one run added"] = timed(runs_dir)
        record = made[0] / "record.json"
        record.write_text(record.read_text().replace("finished", "failed"))
        took["one run changed"] = timed(runs_dir)
        shutil.rmtree(made[1])
        took["one run deleted"] = timed(runs_dir)
    for what, one in took.items():
        print(f"{what:20} {one.clock:6.2f} s, {one.processor:6.2f} s of the processor")
    if asked.json:
        seconds = {what: attrs.asdict(one) for what, one in took.items()}
        write_figures(asked.json, {"runs": asked.runs, "seconds": seconds})


if __name__ == "__main__":
    main()
