"""How long the rats' 47 sessions take to be read and their features to be built, first and from the cache.

    python -m benchmarks.reading DIR [--threads 2] [--times 3] [--json OUT]

DIR holds rat_dyad, unpacked. Each time is a process of its own with Python's start in it; the first fills an
empty cache.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.context import write_figures

EXPERIMENT = """\
name: reading
data:
  dataset:
    name: pose_files
    folder: rat_dyad
    labels: caltech
    pose_pattern: "pose/{session}DLC_*.csv"
    labels_pattern: "annotations/{session}_annot.txt"
    fps: 30
    past_end: trim
    classes: [base, aggression, social, nonsocial]
  features:
    - normalize
    - interpolate
    - {name: egocentric, front: top, back: tail}
    - {name: motion, front: top, back: tail, scales: [0.1, 0.3, 1.0, 3.0]}
  split: {name: recordings, validation: 0.2}
  sequence_length: 512
model: conv1d_bilstm
"""
READ = """
import sys
from pathlib import Path
import torch
from mabe_core import DataAccess
from mabe_core.discovery import load_plugins
from mabe_core.experiment import resolve
from mabe_core.experiment.document import read_text
from mabe_core.training.inputs import prepare
from mabe_core.training.reading import read_data
torch.set_num_threads(int(sys.argv[2]))
experiment = resolve(read_text(sys.argv[3]), load_plugins())
dataset, partition = read_data(experiment, DataAccess((Path(sys.argv[1]),)))
data = prepare(experiment.data, dataset, partition, dtype=torch.float32, device=torch.device("cpu"))
frames, total = sum(each.frames for each in dataset.recordings), float(data.train.columns.double().sum())
print(frames, data.shape.input_dim, f"{total:.6f}")
"""


def main() -> None:
    """Read several times, and tell how long each took."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    seconds: list[float] = []
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "MABE_CACHE": cache, "OMP_NUM_THREADS": str(asked.threads)}
        for _ in range(1 + asked.times):
            start = time.perf_counter()
            words = [sys.executable, "-c", READ, str(asked.folder), str(asked.threads), EXPERIMENT]
            done = subprocess.run(words, env=environment, check=True, capture_output=True, text=True)
            seconds.append(time.perf_counter() - start)
            print(f"{seconds[-1]:6.2f} s  {done.stdout.strip()} (frames, inputs, their sum)", flush=True)
    if asked.json:
        command = f"python -m benchmarks.reading DIR --threads {asked.threads} --times {asked.times}"
        write_figures(asked.json, {"command": command, "first": seconds[0], "cached": seconds[1:]})


if __name__ == "__main__":
    main()
