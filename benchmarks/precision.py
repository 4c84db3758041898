"""V3 in float32, bfloat16 and float16, three seeds each: does a shorter format train as well?

    python -m benchmarks.precision [--device cuda] [--jobs 3] [--json OUT]

What is told is the best macro-F1 on the validation recordings, as each run's record has it. float16 goes with
loss scaling, as on a T4.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.context import write_figures
from benchmarks.studies import Place, study_id, train
from benchmarks.training_speed import EXPERIMENT
from mabe_core.runs.directory import RunDirectory
from mabe_core.runs.record import read_record
from mabe_core.runs.study import read_study

PRECISIONS = ("float32", "bfloat16", "float16")
SEEDS = (42, 43, 44)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train all nine, print and keep what they scored; return 1 where one of them failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=PRECISIONS, default=PRECISIONS, help="which formats")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--jobs", type=int, default=3, help="runs at a time")
    parser.add_argument(
        "--set", action="append", default=[], help="as of mabe-run, such as training.epochs=1"
    )
    parser.add_argument("--json", type=Path, metavar="OUT")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder), Path("data"), asked.jobs, asked.device)
        grid = f"study.grid={{training.precision: [{', '.join(asked.only)}]}}"
        settings = (f"study.seeds={list(SEEDS)}", grid, *asked.set)
        if not train(EXPERIMENT, place, settings):
            return 1
        found: dict[str, list[float]] = {name: [] for name in asked.only}
        for member in read_study(Path(folder) / study_id(EXPERIMENT, place, settings)).members:
            record = read_record(RunDirectory(Path(folder) / member.id))
            assert record is not None, "it is finished"
            found[member.settings["training.precision"]].append(record.best)
    for name, values in found.items():
        print(f"{name:9} macro-F1 {statistics.fmean(values):.4f} ({', '.join(f'{v:.4f}' for v in values)})")
    if asked.json:
        write_figures(asked.json, {"seeds": SEEDS, "macro_f1": found})
    return 0


if __name__ == "__main__":
    sys.exit(main())
