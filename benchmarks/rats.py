"""Trains the rat study and its ablations, and prints what each scores over the frames of all five folds.

    python -m benchmarks.rats --archive rat_dyad.tar.xz [--studies rat_dyad losses …] [--jobs 6] [--json OUT]

With --minutes it stops in time and saves; the same command goes on. What is finished is scored and written
then too, and each entry tells how many of its runs that are.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.studies import STOPPED, Place, keep, scores, stop_in_time, study_id, train

EXPERIMENTS = Path(__file__).parent.parent / "experiments"
ABLATIONS = sorted((EXPERIMENTS / "rat_ablations").glob("*.yaml"))
STUDIES = {"rat_dyad": EXPERIMENTS / "rat_dyad.yaml", **{file.stem: file for file in ABLATIONS}}
TOLD = ("macro_f1", "f1_base", "f1_aggression", "f1_social", "f1_nonsocial", "segment_f1_50")
# seconds that scoring all runs of the largest study takes on one core
TO_SCORE = 40.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is missing; return 0 once all studies are whole, 3 where time ran out or a run failed."""
    asked = _parse(arguments)
    ends = stop_in_time(asked.minutes, TO_SCORE)
    place = Place(asked.runs_dir, asked.data_dir, asked.jobs, asked.device, ends)
    if asked.archive:
        unpack(asked.archive, asked.data_dir)
    whole = True
    for name in asked.studies:
        whole = train(STUDIES[name], place, asked.set) and whole
        study = study_id(STUDIES[name], place, asked.set)
        found = scores(study, place) if (place.runs_dir / study).is_dir() else None
        if found is None:
            print(f"{name}: no run is finished yet", file=sys.stderr, flush=True)
            continue
        report(name, found)
        keep(asked.json, "studies", name, found)
    if not whole:
        print("not all is finished: the same command goes on", file=sys.stderr)
    return 0 if whole else STOPPED


def unpack(archive: Path, data: Path) -> None:
    """Put the folder rat_dyad into the data folder, whole or not at all."""
    if (data / "rat_dyad").is_dir():
        return
    part = data / "rat_dyad.part"
    part.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive) as opened:
        opened.extractall(part, filter="data")
    (part / "rat_dyad").rename(data / "rat_dyad")
    part.rmdir()


def report(name: str, found: dict[str, Any]) -> None:
    """Print a line a setting, and the ensemble."""
    done, total = found["members"]
    print(f"\n{name}: {found['study']}, {done} of {total} runs\n{' '.join(f'{each:>14}' for each in TOLD)}")
    rows = [(each["values"], str(each["settings"])) for each in found["settings"]]
    if found["ensemble"]:
        rows.append(({key: [value] for key, value in found["ensemble"].items()}, "all models together"))
    for values, told in rows:
        print(" ".join(f"{statistics.fmean(values[each]):14.4f}" for each in TOLD), told)
    print("mean over models, by fold:", {fold: round(value, 3) for fold, value in found["folds"].items()})
    print(f"seconds of training steps a run: {statistics.fmean(found['seconds']):.0f}", flush=True)


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
