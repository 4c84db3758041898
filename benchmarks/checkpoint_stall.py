"""What saving costs: steps a second with a checkpoint every few seconds, over those without.

    python -m benchmarks.checkpoint_stall [--rounds 5] [--seconds 20] [--every 5] [--device cpu] [--json OUT]

V3's model is trained by the real saver and loop in one process, with and without checkpoints in turn; the
ratio is taken round by round. Other work on the machine moves it, so beside it stands what does not depend on
that: how long the loop was held up by each checkpoint, which copies all tensors off the device, and the
processor's time that the writing thread took of it. Both together, as a share of the time between two
checkpoints, are what saving can cost at most: where no core is free for the thread.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import attrs
import torch

from benchmarks.context import write_figures
from benchmarks.overhead import MODELS, experiment_for
from mabe_core.discovery import load_plugins
from mabe_core.exchange import DataAccess, SplitContext
from mabe_core.experiment import Experiment
from mabe_core.experiment.schema import Checkpoint as Keeping
from mabe_core.runs import checkpoints
from mabe_core.runs.opening import open_run
from mabe_core.training import saving
from mabe_core.training.assembling import find_device
from mabe_core.training.choosing import choose_step
from mabe_core.training.events import unobserved
from mabe_core.training.inputs import TrainingData, prepare
from mabe_core.training.interruption import StopRequest
from mabe_core.training.loop import Loop
from mabe_core.training.parts import build_parts
from mabe_core.training.precision import find_precision
from mabe_core.training.saving import Saver, Saving, Unsaved
from mabe_core.training.state import Progress


@attrs.define(eq=False)
class Watched:
    """A saver that notes how long the loop waited for it."""

    saver: Saver
    held_up: list[float] = attrs.field(factory=list)

    @property
    def newest(self) -> str | None:
        return self.saver.newest

    def __call__(self, ended: object) -> None:
        if ended is not None:
            return  # the measure is of checkpoints in mid-epoch
        began = time.monotonic()
        self.saver(None)
        self.held_up.append(time.monotonic() - began)

    def most(self, step: int) -> int:
        return self.saver.most(step)

    def due(self, step: int) -> bool:
        return self.saver.due(step)

    def wait(self) -> None:
        self.saver.wait()


def timed_writes() -> list[float]:
    """Return a list that fills with the processor's seconds that each write takes from now on."""
    took: list[float] = []

    def write(folder: Path, checkpoint: checkpoints.Checkpoint) -> Path:
        began = time.thread_time()
        written = checkpoints.write_checkpoint(folder, checkpoint)
        took.append(time.thread_time() - began)
        return written

    saving.write_checkpoint = write
    return took


def data_for(experiment: Experiment, device: torch.device) -> TrainingData:
    """Generate and lay out the data on a device."""
    dataset = experiment.data.dataset.build(DataAccess(()))
    partition = experiment.data.split.build()(
        dataset.recordings, SplitContext(experiment.data.sequence_length, experiment.seed)
    )
    weights = find_precision(experiment.training.precision, device).weights
    return prepare(experiment.data, dataset, partition, dtype=weights, device=device)


def speed(
    experiment: Experiment, data: TrainingData, device: torch.device, every: float | None, folder: Path
) -> tuple[float, list[float]]:
    """Train one epoch; return steps a second, and how long each checkpoint held the loop up."""
    precision = find_precision(experiment.training.precision, device)
    parts = build_parts(experiment, data, dtype=precision.weights, device=device)
    step = choose_step(experiment, parts, data, precision, device, print)
    progress = Progress(0, torch.zeros((), dtype=torch.float64, device=device))
    opened = open_run(experiment, load_plugins(), folder, DataAccess(()))
    opened.run.make()
    keeping = Keeping(every_minutes=None if every is None else every / 60)
    with Saver(opened.run, opened.record, step, progress, keeping, unobserved) as saver:
        watched = Watched(saver)
        save: Saving = Unsaved(unobserved) if every is None else watched
        loop = Loop(
            step=step,
            data=data,
            progress=progress,
            seed=experiment.seed,
            monitor="macro_f1",
            observe=unobserved,
            save=save,
            stop=StopRequest(),
        )
        began = time.monotonic()
        loop._train_epoch(0)
        if device.type == "cuda":
            torch.cuda.synchronize()
        done = parts.schedule.steps_per_epoch / (time.monotonic() - began)
    return done, watched.held_up


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=20.0, help="about how long one epoch takes")
    parser.add_argument("--every", type=float, default=5.0, help="seconds between two checkpoints")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    asked = parser.parse_args()
    device = find_device(asked.device)
    data = data_for(experiment_for(MODELS["V3"], 20), device)
    writing = timed_writes()
    with tempfile.TemporaryDirectory() as folder:

        def timed(steps: int, every: float | None, name: str) -> tuple[float, list[float]]:
            experiment = experiment_for(MODELS["V3"], steps)
            return speed(experiment, data, device, every, Path(folder) / name)

        steps = trial = 20
        while (rate := timed(trial, None, f"trial-{trial}")[0]) * asked.seconds > 4 * trial:
            trial *= 4  # the first steps are slower, on a GPU by far
        steps = max(steps, int(asked.seconds * rate))
        pairs, held_up = [], []
        for number in range(asked.rounds):
            order = (None, asked.every) if number % 2 else (asked.every, None)
            found = {every: timed(steps, every, f"{number}-{every}") for every in order}
            pairs.append((found[asked.every][0], found[None][0]))
            held_up += found[asked.every][1]
    ratios = [with_it / without for with_it, without in pairs]
    cost = statistics.median(held_up) + statistics.median(writing)
    figures = {
        "saving": statistics.median(with_it for with_it, _ in pairs),
        "without": statistics.median(without for _, without in pairs),
        "ratio": statistics.median(ratios),
        "ratio_min": min(ratios),
        "ratio_max": max(ratios),
        "checkpoints": len(held_up),
        "held_up": statistics.median(held_up),
        "held_up_max": max(held_up),
        "writing": statistics.median(writing),
        "share": cost / asked.every,
        "every": asked.every,
        "steps": steps,
        "rounds": asked.rounds,
    }
    waits, longest, works = (1000 * figures[name] for name in ("held_up", "held_up_max", "writing"))
    print(
        f"V3 on {device}: {figures['saving']:.2f} steps/s with a checkpoint every {asked.every:g} s, "
        f"{figures['without']:.2f} without: ratio {figures['ratio']:.4f} ({figures['ratio_min']:.4f} to "
        f"{figures['ratio_max']:.4f} in {asked.rounds} rounds of {steps} steps). A checkpoint: the loop "
        f"waits {waits:.1f} ms, at most {longest:.1f} ms; the thread takes {works:.1f} ms of a processor; "
        f"{100 * figures['share']:.2f}% in all"
    )
    if asked.json:
        write_figures(asked.json, figures)


if __name__ == "__main__":
    main()
