"""Trains a transformer and a Conv1D-BiLSTM for equally long: rats, the mouse pair, synthetic mice.

    python -m benchmarks.architectures --data-dir DATA [--seconds 60] [--device cuda] [--jobs 6] [--json OUT]

DATA holds rat_dyad and mouse_dyad; --archive unpacks the rats first. How many steps a second each model does
is measured first, by itself on the same device; each then gets as many steps as take --seconds, over which
its schedule is laid out, with three seeds. Scores are of recordings, or blocks of time, that chose nothing.
With --minutes it stops in time and saves; the same command goes on, with the steps measured before.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import yaml

from benchmarks.rats import unpack
from benchmarks.studies import STOPPED, Place, keep, scores, stop_in_time, study_id, train

EXPERIMENTS = Path(__file__).parent.parent / "experiments"
MODELS: dict[str, dict[str, Any]] = {
    "transformer": {
        "model": {"name": "transformer", "hidden_dim": 64, "num_layers": 3, "num_heads": 4, "dropout": 0.3},
        "optimizer": {"name": "adamw", "learning_rate": 5e-4, "weight_decay": 1e-2},
    },
    "conv1d_bilstm": {
        "model": {"name": "conv1d_bilstm", "channels": 64, "hidden_dim": 64, "dropout": 0.3},
        "optimizer": {"name": "adamw", "learning_rate": 1e-3, "weight_decay": 1e-2},
    },
}
BLOCKS = {"name": "time_blocks", "blocks": 10, "validation": 0.2, "test": 0.2}
# what is changed of a shipped experiment: the data, and what would not be alike for both models
DATA: dict[str, tuple[str, dict[str, Any]]] = {
    "rats": ("rat_dyad.yaml", {}),
    "mouse pair": ("mouse_dyad.yaml", {"data": {"split": BLOCKS}}),
    "synthetic": (
        "v3_transformer.yaml",
        {"data": {"split": {"name": "recordings", "validation": 0.2, "test": 0.2}}, "threads": 1},
    ),
}
SEEDS = [0, 1, 2]
EPOCHS, BATCH = 10, 32
# seconds that scoring the finished runs takes
TO_SCORE = 30.0


@attrs.frozen
class Compared:
    """One model on one dataset."""

    data: str
    model: str

    @property
    def name(self) -> str:
        return f"{self.data}, {self.model}"

    def write(self, folder: Path, steps: int, epochs: int, study: dict[str, Any]) -> Path:
        """Write its study, with so many steps an epoch; return the file."""
        shipped, changed = DATA[self.data]
        # without what the shipped file itself is a study of
        base = (EXPERIMENTS / shipped).read_text(encoding="utf-8").partition("\nstudy:")[0]
        (folder / "base.yaml").write_text(base + "\n", encoding="utf-8")
        training = {"epochs": epochs, "batch_size": BATCH, "windows_per_epoch": BATCH * steps}
        told = {
            "extends": "base.yaml",
            "name": "architectures",
            "description": f"{self.model} on {self.data}",
            **changed,
            **MODELS[self.model],
            "scheduler": "one_cycle",
            "training": training,
            "post_processing": [],
            "checkpoint": {"every_epochs": epochs},
            "study": study,
        }
        file = folder / "study.yaml"
        file.write_text(yaml.safe_dump(told, sort_keys=False), encoding="utf-8")
        return file


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is missing; return 0 once everything is finished, 3 where time ran out or a run failed."""
    asked = _parse(arguments)
    place = Place(
        asked.runs_dir, asked.data_dir, asked.jobs, asked.device, stop_in_time(asked.minutes, TO_SCORE)
    )
    if asked.archive:
        unpack(asked.archive, asked.data_dir)
    whole = True
    for each in (Compared(data, model) for data in asked.only for model in MODELS):
        rate = steps_a_second(each, place, asked.timed)
        if rate is None:
            whole = False
            continue
        steps = max(1, round(rate * asked.seconds / EPOCHS))
        folds = range(asked.folds) if each.data == "rats" else None
        with tempfile.TemporaryDirectory() as folder:
            file = each.write(Path(folder), steps, EPOCHS, _study(folds))
            whole = train(file, place) and whole
            study = study_id(file, place)
        found = scores(study, place) if (place.runs_dir / study).is_dir() else None
        if found is None:
            print(f"{each.name}: no run is finished yet", file=sys.stderr, flush=True)
            continue
        told = {
            "data": each.data,
            "model": each.model,
            "seconds_asked": asked.seconds,
            "steps": steps * EPOCHS,
            "steps_a_second": rate,
            **found,
        }
        report(each, told)
        keep(asked.json, "compared", each.name, told)
    return 0 if whole else STOPPED


def _study(folds: range | None) -> dict[str, Any]:
    grid = {} if folds is None else {"grid": {"data.split.fold": list(folds)}}
    return {"seeds": SEEDS, **grid}


def steps_a_second(each: Compared, place: Place, timed: int) -> float | None:
    """Return how many steps a second this model does, known or measured; None where time is over."""
    file = place.runs_dir / "architectures_steps_a_second.json"
    key = f"{each.name} on {place.device}"
    known: dict[str, float] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    if key not in known:
        with tempfile.TemporaryDirectory() as folder:
            study = each.write(Path(folder), timed, 2, {"seeds": [0]})
            alone = attrs.evolve(place, runs_dir=Path(folder) / "runs", jobs=1)
            if not train(study, alone):
                return None
            lines = next((Path(folder) / "runs").glob("*/metrics.jsonl")).read_text(encoding="utf-8")
        known[key] = json.loads(lines.splitlines()[-1])["steps_per_second"]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    return known[key]


def report(each: Compared, found: dict[str, Any]) -> None:
    """Print a line."""
    (setting,) = found["settings"]
    values = setting["values"]["macro_f1"]
    done, total = found["members"]
    print(
        f"{each.name}: macro-F1 {statistics.fmean(values):.4f} over seeds "
        f"({', '.join(f'{value:.4f}' for value in values)}); {done} of {total} runs, {found['steps']} steps "
        f"at {found['steps_a_second']:.1f}/s, took {statistics.fmean(found['seconds']):.0f} s",
        flush=True,
    )


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").partition("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--archive", type=Path, help="rat_dyad.tar.xz, unpacked where it is not yet")
    parser.add_argument("--data-dir", type=Path, default=Path("data"), help="holds rat_dyad and mouse_dyad")
    parser.add_argument("--runs-dir", type=Path, default=Path("runs"), help="where runs are kept")
    parser.add_argument("--only", nargs="+", choices=DATA, default=list(DATA), help="which data")
    parser.add_argument(
        "--timed", type=int, default=50, help="steps of each of two epochs; the second counts"
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="of training steps, each run")
    parser.add_argument(
        "--folds", type=int, choices=range(1, 6), default=5, help="how many of the rats' five"
    )
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time")
    parser.add_argument("--device", default="auto", help="where they train")
    parser.add_argument("--minutes", type=float, help="stop, and save, in time to end after so many")
    parser.add_argument("--json", type=Path, metavar="OUT", help="also write the figures, beside those there")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
