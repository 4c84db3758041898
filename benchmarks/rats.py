"""Trains the rat study and its ablations, and prints what each scores over the frames of all five folds.

    python -m benchmarks.rats --archive rat_dyad.tar.xz [--studies rat_dyad losses …] [--jobs 6] [--json OUT]

With --minutes it stops in time and saves; the same command goes on. Scores are read once a study is whole.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tarfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.context import context

EXPERIMENTS = Path(__file__).parent.parent / "experiments"
ABLATIONS = sorted((EXPERIMENTS / "rat_ablations").glob("*.yaml"))
STUDIES = {"rat_dyad": EXPERIMENTS / "rat_dyad.yaml", **{file.stem: file for file in ABLATIONS}}
TOLD = ("macro_f1", "f1_base", "f1_aggression", "f1_social", "f1_nonsocial", "segment_f1_50")
# seconds that members may take to save when they are asked to stop
TO_SAVE = 30.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is missing; return 0 once all studies are whole, 3 where time ran out."""
    asked = _parse(arguments)
    ends = time.monotonic() + 60 * asked.minutes if asked.minutes else None
    data = asked.data_dir
    if asked.archive and not (data / "rat_dyad").is_dir():
        data.mkdir(parents=True, exist_ok=True)
        with tarfile.open(asked.archive) as opened:
            opened.extractall(data, filter="data")
    found: dict[str, Any] = {}
    whole = True
    for name in asked.studies:
        whole = whole and train(STUDIES[name], asked, ends)
        if not whole:
            print(f"{name} is not whole yet: the same command goes on", file=sys.stderr)
            break
        found[name] = scores(STUDIES[name], asked)
        report(name, found[name])
    if asked.json and found:
        before = json.loads(asked.json.read_text(encoding="utf-8")) if asked.json.exists() else {}
        studies = {**before.get("studies", {}), **found}
        asked.json.write_text(
            json.dumps({**context(), "studies": studies}, indent=1) + "\n", encoding="utf-8"
        )
    return 0 if whole else 3


def train(file: Path, asked: argparse.Namespace, ends: float | None) -> bool:
    """Run a study's members that are missing; tell whether it is whole."""
    words = [*_mabe("run", file, asked), "--jobs", str(asked.jobs), "--device", asked.device]
    words += [word for setting in asked.set for word in ("--set", setting)]
    process = subprocess.Popen(words, env={**os.environ, "OMP_NUM_THREADS": "1"})
    try:
        left = None if ends is None else max(ends - TO_SAVE - time.monotonic(), 0.0)
        return process.wait(left) == 0
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        process.wait()
        return False


def scores(file: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """Return what `mabe evaluate` says of a whole study, less its recordings."""
    settings = [word for setting in asked.set for word in ("--set", setting)]
    told = _output([*_mabe("run", file, asked), *settings, "--dry-run"])
    study = told.strip().rpartition("\n")[2].partition(":")[0]
    evaluated = json.loads(_output([*_mabe("evaluate", study, asked), "--json"]))
    folds: dict[str, list[float]] = {}
    for member in evaluated["members"]:
        folds.setdefault(str(member["settings"]["data.split.fold"]), []).append(member["scores"]["macro_f1"])
    return {
        "study": study,
        "settings": [
            {
                "settings": each["settings"],
                "values": {name: spread["values"] for name, spread in each["spread"].items()},
            }
            for each in evaluated["settings"]
        ],
        "ensemble": evaluated["ensemble"] and evaluated["ensemble"]["scores"],
        "folds": {fold: statistics.fmean(values) for fold, values in sorted(folds.items())},
    }


def report(name: str, found: dict[str, Any]) -> None:
    """Print a line a setting, and the ensemble."""
    print(f"\n{name}: {found['study']}\n{' '.join(f'{each:>14}' for each in TOLD)}")
    rows = [(each["values"], str(each["settings"])) for each in found["settings"]]
    if found["ensemble"]:
        rows.append(({key: [value] for key, value in found["ensemble"].items()}, "all models together"))
    for values, told in rows:
        print(" ".join(f"{statistics.fmean(values[each]):14.4f}" for each in TOLD), told)
    print("mean over models, by fold:", {fold: round(value, 3) for fold, value in found["folds"].items()})


def _mabe(command: str, what: object, asked: argparse.Namespace) -> list[str]:
    places = ["--runs-dir", str(asked.runs_dir), "--data-dir", str(asked.data_dir)]
    return [sys.executable, "-P", "-m", "mabe_core.cli", command, str(what), *places]


def _output(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed ({done.returncode}):\n{done.stdout}{done.stderr}")
    return done.stdout


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").partition("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--archive", type=Path, help="rat_dyad.tar.xz, unpacked where it is not yet")
    parser.add_argument("--data-dir", type=Path, default=Path("data"), help="the folder that holds rat_dyad")
    parser.add_argument("--runs-dir", type=Path, default=Path("runs"), help="where runs are kept")
    parser.add_argument("--studies", nargs="+", choices=STUDIES, default=list(STUDIES), help="which")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time")
    parser.add_argument("--device", default="auto", help="where they train")
    parser.add_argument(
        "--set", action="append", default=[], help="as of mabe-run, such as training.epochs=1"
    )
    parser.add_argument("--minutes", type=float, help="stop, and save, in time to end after so many")
    parser.add_argument("--json", type=Path, metavar="OUT", help="also write the figures, beside those there")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
