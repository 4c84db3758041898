"""What training holds in memory, by length of the recording, beside what its features hold.

    python -m benchmarks.train_memory [--minutes 1 60] [--times 3] [--json OUT]

Writes DeepLabCut's CSV of two mice at 30 frames a second and plain bouts, and trains a small model for a
moment on each, in a process of its own with an empty cache. What counts is by how much the peak of resident
memory grows, over by how much the features grow: frames x inputs x 4 bytes.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.context import write_figures
from benchmarks.predict_memory import measured, write_recording

FEATURES = {
    "points": "[normalize, interpolate]",
    "motion": "[normalize, {name: interpolate, mask: true}, {name: motion, scales: [0.2, 1.0]}, egocentric]",
}
AUGMENTATIONS = {"": "[]", ", augmented": "[{name: mirror, about: origin}]"}
EXPERIMENT = """\
name: memory
data:
  dataset:
    name: pose_files
    folder: mice
    pose: deeplabcut
    labels: {{name: bouts, unit: frames}}
    pose_pattern: "{{film}}.csv"
    labels_pattern: "{{film}}.bouts"
    fps: 30
    classes: [attack]
    background: other
  split: {{name: time_blocks, blocks: 4, validation: 0.25}}
  features: {features}
  augmentations: {augmentations}
  sequence_length: 64
model: {{name: conv1d_bilstm, channels: 16, hidden_dim: 16}}
training: {{epochs: 1, batch_size: 16, windows_per_epoch: 160}}
device: cpu
threads: 1
"""
KEYPOINTS = ["nose", "left_ear", "right_ear", "neck", "left_hip", "right_hip", "tail_base"]


def main() -> None:
    """Measure and print; --json writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, nargs=2, default=[1.0, 60.0])
    parser.add_argument("--only", nargs="+", help="of the settings, those that begin so")
    parser.add_argument("--times", type=int, default=3, help="of each, the median of so many")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    settings = {
        f"{name}{told}": {"features": features, "augmentations": augmentations}
        for name, features in FEATURES.items()
        for told, augmentations in AUGMENTATIONS.items()
        if asked.only is None or f"{name}{told}" in asked.only
    }
    found: list[dict[str, Any]] = []
    for name, setting in settings.items():
        short, long = (median(setting, minutes, asked.times) for minutes in asked.minutes)
        grown = long["peak_mb"] - short["peak_mb"]
        features = long["features_mb"] - short["features_mb"]
        found.append({"setting": name, "short": short, "long": long, "ratio": round(grown / features, 2)})
        print(json.dumps(found[-1]), flush=True)
    if asked.json:
        write_figures(asked.json, {"rows": found})


def median(setting: dict[str, str], minutes: float, times: int) -> dict[str, Any]:
    """Return the run of median peak, and all peaks: how C's library keeps freed memory varies."""
    runs = sorted((trained(setting, minutes) for _ in range(times)), key=lambda run: run["peak_mb"])
    return {**runs[len(runs) // 2], "peaks_mb": [run["peak_mb"] for run in runs]}


def trained(setting: dict[str, str], minutes: float) -> dict[str, float]:
    """Train on a recording of this length; return its features' size and the peak of resident memory."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "mice").mkdir()
        frames = write_recording(folder / "mice" / "film.csv", minutes / 60, ["one", "two"], KEYPOINTS)
        bouts = [f"attack,{start},{start + 60}" for start in range(0, frames - 60, 150)]
        (folder / "mice" / "film.bouts").write_text("\n".join(["behaviour,start,stop", *bouts]) + "\n")
        (folder / "memory.yaml").write_text(EXPERIMENT.format(**setting))
        words = [sys.executable, "-m", "mabe_core.cli", "run", "memory.yaml", "--data-dir", "."]
        peak, _ = measured(words, folder, MABE_CACHE=str(folder / "cache"))
        (run,) = (folder / "runs").iterdir()
        inputs = json.loads((run / "record.json").read_text())["model_input"]["input_names"]
        return {
            "minutes": minutes,
            "frames": frames,
            "inputs": len(inputs),
            "features_mb": round(frames * len(inputs) * 4 / 2**20, 2),
            "peak_mb": round(peak, 1),
        }


if __name__ == "__main__":
    main()
