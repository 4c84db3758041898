"""Prints what the synthetic data asks for: macro-F1 on held-out recordings, without and with time.

    python -m benchmarks.synthetic_difficulty [--seeds 42 43 44] [--jobs 3] [--device cuda] [--json OUT]

Two rows train V3 through the engine, 20,000 steps each; a run that is finished already is not run again.
Exits 1 where a figure is not what the synthetic data was made for.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import attrs

from benchmarks.context import write_figures
from benchmarks.synthetic_baselines import baselines
from mabe_core import DataAccess, PoseLayout
from mabe_core.cli import options
from mabe_core.experiment import read_document, resolve

BENCHMARKS = Path(__file__).parent
V3 = BENCHMARKS.parent / "experiments" / "v3_transformer.yaml"
SHUFFLED = BENCHMARKS / "v3_frame_shuffled.yaml"

LOGISTIC, TREES = "logistic regression, single frames", "boosted trees, motion features"
TRANSFORMER, WITHOUT_ORDER = "V3", "V3, frames shuffled"

Scores = dict[str, list[float]]


@attrs.frozen
class Wanted:
    """What a row's mean is to be, in words and as a check."""

    words: str
    met: Callable[[dict[str, float]], bool]


WANTED = {
    LOGISTIC: Wanted("< 0.45", lambda mean: mean[LOGISTIC] < 0.45),
    TREES: Wanted("> 0.60", lambda mean: mean[TREES] > 0.60),
    TRANSFORMER: Wanted("0.65 to 0.92", lambda mean: 0.65 <= mean[TRANSFORMER] <= 0.92),
    WITHOUT_ORDER: Wanted("<= V3 - 0.10", lambda mean: mean[WITHOUT_ORDER] <= mean[TRANSFORMER] - 0.10),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, and return the exit status."""
    asked = _parse(arguments)
    scores: Scores = {}
    if not asked.skip_baselines:
        for seed in asked.seeds:
            for row, score in _classic(seed).items():
                scores.setdefault(row, []).append(score)
    if not asked.skip_v3:
        rows = {TRANSFORMER: V3, WITHOUT_ORDER: SHUFFLED}
        jobs = [(row, file, seed) for row, file in rows.items() for seed in asked.seeds]
        with ThreadPoolExecutor(asked.jobs) as pool:
            trained = pool.map(lambda job: train(job[1], job[2], asked), jobs)
        for (row, _, _), score in zip(jobs, trained, strict=True):
            scores.setdefault(row, []).append(score)
    missed = report(scores)
    if asked.json:
        write_figures(asked.json, {"seeds": asked.seeds, "macro_f1": scores})
    return 1 if missed else 0


def report(scores: Scores) -> list[str]:
    """Print one line a row; return the rows that miss what is wanted."""
    mean = {row: statistics.fmean(values) for row, values in scores.items()}
    missed = []
    print(f"\n{'macro-F1 on held-out recordings':55} {'mean':>6} {'min':>6} {'max':>6}  wanted")
    for row, values in scores.items():
        wanted = WANTED.get(row)
        verdict = ""
        if wanted is not None and (row != WITHOUT_ORDER or TRANSFORMER in mean):
            met = wanted.met(mean)
            verdict = f"{wanted.words:14} {'met' if met else 'MISSED'}"
            missed += [] if met else [row]
        print(f"{row:55} {mean[row]:6.3f} {min(values):6.3f} {max(values):6.3f}  {verdict}")
    return missed


def train(file: Path, seed: int, asked: argparse.Namespace) -> float:
    """Train an experiment through the engine; return the last epoch's macro-F1 on validation recordings."""
    command = [
        sys.executable,
        "-P",
        "-m",
        "mabe_core.cli",
        "run",
        str(file),
        "--runs-dir",
        str(asked.runs_dir),
    ]
    command += ["--set", f"seed={seed}", "--device", asked.device]
    if asked.epochs is not None:
        command += ["--set", f"training.epochs={asked.epochs}"]
    first_line = _output([*command, "--dry-run"]).partition("\n")[0]
    run = asked.runs_dir / first_line.removeprefix("# ")
    print(f"training {run}", file=sys.stderr, flush=True)
    _output(command)
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    return float(last["val_macro_f1"])


def _output(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed ({done.returncode}):\n{done.stdout}{done.stderr}")
    return done.stdout


def _classic(seed: int) -> dict[str, float]:
    data = resolve(read_document(V3, ()), options.registry(())).data
    dataset = data.dataset.build(DataAccess(()))
    first = dataset.recordings[0]
    layout = PoseLayout(first.individuals, first.keypoints, first.points.shape[-1], first.fps)
    return baselines(dataset, [feature.build(layout) for feature in data.features], seed)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").partition("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[42], help="seeds of the experiments")
    parser.add_argument("--device", default="auto", help="where V3 trains")
    parser.add_argument("--epochs", type=int, help="epochs of V3 (default: the experiment's)")
    parser.add_argument("--jobs", type=int, default=1, help="experiments at a time")
    parser.add_argument("--skip-v3", action="store_true", help="only what takes minutes on a CPU")
    parser.add_argument("--skip-baselines", action="store_true", help="only V3")
    parser.add_argument("--runs-dir", type=Path, default=Path("runs"), help="where V3's runs are kept")
    parser.add_argument("--json", type=Path, metavar="OUT", help="also write the figures to this file")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
