"""Runs studies within a time limit, and scores the members that are finished, however many those are."""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from benchmarks.context import context
from mabe_core import DataAccess
from mabe_core.errors import UserError
from mabe_core.inference.ensemble import ensemble_scores
from mabe_core.inference.evaluating import own_scores
from mabe_core.inference.study_scores import MemberScores, setting_scores
from mabe_core.models.finding import find_model
from mabe_core.runs.record import read_record
from mabe_core.runs.study import read_study
from mabe_core.training.events import unobserved

# seconds that members may take to save when they are asked to stop; then they are ended
TO_SAVE = 20.0
# the exit status of a command that was stopped in time
STOPPED = 3


@attrs.frozen
class Place:
    """Where and how studies are run. ends: when members are asked to stop, on time.monotonic's clock."""

    runs_dir: Path
    data_dir: Path
    jobs: int
    device: str
    ends: float | None = None

    def command(self, file: Path, settings: Sequence[str], *more: str) -> list[str]:
        """Return the command line that runs a study."""
        words = [sys.executable, "-P", "-m", "mabe_core.cli", "run", str(file)]
        words += ["--runs-dir", str(self.runs_dir), "--data-dir", str(self.data_dir)]
        return [*words, *(word for setting in settings for word in ("--set", setting)), *more]


def stop_in_time(minutes: float | None, to_score: float) -> float | None:
    """Return when members are to be asked to stop, so that saving and scoring end after so many minutes."""
    return None if minutes is None else time.monotonic() + 60 * minutes - TO_SAVE - to_score


def train(file: Path, place: Place, settings: Sequence[str] = ()) -> bool:
    """Run the members that are missing; tell whether all are finished.

    At the time limit, and when this process is told to stop, members save; the same call goes on with them.
    """
    left = None if place.ends is None else place.ends - time.monotonic()
    if left is not None and left <= 0:
        return False
    command = place.command(file, settings, "--jobs", str(place.jobs), "--device", place.device)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    # in a session of its own: a Ctrl-C comes from here, once, and not from the terminal as well
    process = subprocess.Popen(command, env=environment, start_new_session=True)
    before = signal.signal(signal.SIGTERM, lambda *_: _interrupt())
    try:
        return process.wait(left) == 0
    except subprocess.TimeoutExpired:
        print("the time is over: members save", file=sys.stderr, flush=True)
        _stop(process)
        return False
    except KeyboardInterrupt:
        _stop(process)
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt() -> None:
    raise KeyboardInterrupt


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(TO_SAVE)
    except subprocess.TimeoutExpired:  # its members end when it does
        process.kill()
        process.wait()


def study_id(file: Path, place: Place, settings: Sequence[str] = ()) -> str:
    """Return the id that a study's file stands for."""
    done = subprocess.run(
        place.command(file, settings, "--dry-run"), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{file} is no study ({done.returncode}):\n{done.stdout}{done.stderr}")
    return next(line for line in done.stdout.splitlines() if " experiments, " in line).partition(":")[0]


def scores(study: str, place: Place) -> dict[str, Any] | None:
    """Return what the finished members score on what was held out for them; None where there is none.

    members: how many are finished, of how many. settings: each with a value a seed, over the frames of all
    its folds together. ensemble: the mean of the models that a recording was held out from. folds: of each,
    the mean over models. seconds: of training, by member.
    """
    access = DataAccess((place.data_dir,))
    members = read_study(place.runs_dir / study).members
    found: list[MemberScores] = []
    for member in members:
        try:
            source = find_model(member.id, place.runs_dir, Path("models"))
            record = read_record(source.run)
        except UserError:
            continue  # it has not begun, or has no checkpoint yet
        if record is not None and record.state == "finished":
            evaluated = own_scores(source, None, access, device=place.device, observe=unobserved)
            found.append(MemberScores(member.settings, source, evaluated))
    if not found:
        return None
    together = ensemble_scores(found)
    folds: dict[str, list[float]] = {}
    for each in found:
        fold = str(each.settings.get("data.split.fold", 0))
        folds.setdefault(fold, []).append(each.evaluated.scores["macro_f1"])
    return {
        "study": study,
        "members": [len(found), len(members)],
        "settings": [
            {
                "settings": each.settings,
                "values": {name: list(spread.values) for name, spread in each.spread.items()},
            }
            for each in setting_scores(found)
        ],
        "ensemble": together and dict(together.scores),
        "folds": {fold: statistics.fmean(values) for fold, values in sorted(folds.items())},
        "seconds": [_seconds(place.runs_dir / each.source.run_id) for each in found],
    }


def _seconds(run: Path) -> float:
    """Return how long a run's training steps took."""
    lines = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return round(sum(json.loads(line)["seconds"] for line in lines), 1)


def keep(file: Path | None, key: str, name: str, found: Mapping[str, Any]) -> None:
    """Write one study's results into a JSON file, with how they were measured, beside those of others."""
    if file is None:
        return
    told = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    told.setdefault(key, {})[name] = {**context(), **found}
    temporary = file.with_suffix(".part")
    temporary.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    temporary.replace(file)
