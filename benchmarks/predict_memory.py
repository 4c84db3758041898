"""What `mabe predict` holds in memory and how fast it is, by length of the recording.

    python -m benchmarks.predict_memory [--hours 1 10] [--features normalize interpolate] [--json OUT]

Trains a small model on generated mice for a moment, writes DeepLabCut CSVs of so many hours at 30 frames a
second, and runs on each, in processes of their own: the pose reader alone, then the whole prediction. What
counts is the peak of resident memory, and by how much it grows with the recording beyond the reader's.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.context import write_figures

EXPERIMENT = Path(__file__).parent.parent / "experiments" / "quickstart.yaml"
FPS = 30
READ = """
import sys
from pathlib import Path
from mabe_core.inference.loading import open_model
from mabe_core.inference.poses import read_pose, named_reader
from mabe_core.discovery import load_plugins
model = open_model(sys.argv[1], Path("runs"), Path("models"))
read_pose(Path(sys.argv[2]), model.members[0], named_reader("deeplabcut", load_plugins()))
"""
# a process of Linux begins with the peak of the one that started it: this one is small
START = """
import os, resource, subprocess, sys
ended = subprocess.run(sys.argv[2:]).returncode
os.write(int(sys.argv[1]), str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss).encode())
sys.exit(ended)
"""


def write_recording(file: Path, hours: float, individuals: list[str], keypoints: list[str]) -> int:
    """Write tracks that repeat after 15 minutes; return the number of frames."""
    rng = np.random.default_rng(0)
    columns = list(itertools.product(individuals, keypoints, ("x", "y", "likelihood")))
    steps = rng.normal(size=(15 * 60 * FPS, len(individuals), 1, 2)).cumsum(axis=0)
    points = 300 + steps + rng.normal(size=(1, len(individuals), len(keypoints), 2)) * 10
    values = np.concatenate([points, np.full((*points.shape[:-1], 1), 0.99)], axis=-1).reshape(
        len(points), -1
    )
    rows = [",".join(f"{value:.6f}" for value in row) for row in values]
    frames = int(hours * 3600 * FPS)
    with file.open("w", encoding="utf-8") as opened:
        opened.write("scorer," + ",".join(["net"] * len(columns)) + "\n")
        for place, title in enumerate(("individuals", "bodyparts", "coords")):
            opened.write(f"{title}," + ",".join(column[place] for column in columns) + "\n")
        for frame in range(frames):
            opened.write(f"{frame},{rows[frame % len(rows)]}\n")
    return frames


def measured(words: list[str], folder: Path, **environment: str) -> tuple[float, float]:
    """Run a process; return its peak of resident memory in MB and its seconds."""
    read, write = os.pipe()
    began = time.monotonic()
    starter = subprocess.Popen(
        [sys.executable, "-c", START, str(write), *words],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        pass_fds=[write],
    )
    os.close(write)
    with os.fdopen(read) as told:
        peak = told.read()
    if starter.wait():
        raise SystemExit(f"{' '.join(words)} ended with {starter.returncode}")
    return int(peak) / 1024, time.monotonic() - began


def main() -> None:
    """Measure and print; --json writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, nargs="+", default=[1.0, 10.0])
    parser.add_argument("--features", nargs="*", default=["normalize", "interpolate"])
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    mabe = [sys.executable, "-m", "mabe_core.cli"]
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        few = [
            "training.epochs=1",
            "training.windows_per_epoch=320",
            "scheduler.warmup_steps=0",
            f"data.features=[{', '.join(asked.features)}]",
        ]
        settings = [word for setting in few for word in ("--set", setting)]
        subprocess.run(
            [*mabe, "run", EXPERIMENT, *settings], cwd=folder, check=True, stdout=subprocess.DEVNULL
        )
        (run,) = (folder / "runs").iterdir()
        expects = json.loads((run / "record.json").read_text())["model_input"]
        for hours in asked.hours:
            file = folder / "film.csv"
            frames = write_recording(file, hours, expects["individuals"], expects["keypoints"])
            points = frames * len(expects["individuals"]) * len(expects["keypoints"]) * 2 * 4 / 2**20
            reading, _ = measured([sys.executable, "-c", READ, run.name, str(file)], folder)
            words = [
                "predict",
                run.name,
                file.name,
                "--fps",
                str(FPS),
                "--force",
                "--pose-reader",
                "deeplabcut",
            ]
            peak, seconds = measured([*mabe, *words], folder)
            found.append(
                {
                    "hours": hours,
                    "frames": frames,
                    "file_mb": round(file.stat().st_size / 2**20, 1),
                    "points_mb": round(points, 1),
                    "reader_peak_mb": round(reading, 1),
                    "predict_peak_mb": round(peak, 1),
                    "seconds": round(seconds, 1),
                    "frames_per_second": round(frames / seconds),
                }
            )
            print(found[-1], flush=True)
    if asked.json:
        write_figures(asked.json, {"rows": found})


if __name__ == "__main__":
    main()
