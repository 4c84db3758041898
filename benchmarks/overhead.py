"""The engine's overhead on a CPU: its steps a second over those of the shortest plain torch loop.

    python -m benchmarks.overhead [--rounds 7] [--seconds 4] [--json OUT]

Both train the same model on the same windows in one process, in turn; the ratio is taken round by round. The
plain loop uses the same fused AdamW, so the ratio is the loop's alone.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import torch
from torch import nn

from benchmarks.context import write_figures
from mabe_core.discovery import load_plugins
from mabe_core.exchange import DataAccess, SplitContext
from mabe_core.experiment import Experiment, read_document, resolve
from mabe_core.training.events import EpochEnded
from mabe_core.training.inputs import TrainingData, prepare
from mabe_core.training.interruption import StopRequest
from mabe_core.training.loop import Loop, epoch_order
from mabe_core.training.parts import build_parts
from mabe_core.training.precision import FLOAT32
from mabe_core.training.saving import Unsaved
from mabe_core.training.state import Progress
from mabe_core.training.step import PlainStep

CPU = torch.device("cpu")
EXPERIMENT = Path(__file__).parent.parent / "experiments" / "v3_transformer.yaml"
MODELS = {
    "tiny (hidden 32, one layer)": ["model.hidden_dim=32", "model.num_layers=1"],
    "V3": [],
}


def experiment_for(settings: list[str], steps: int) -> Experiment:
    """Return V3's experiment with one epoch of so many steps and another model."""
    few = [
        "training.epochs=1",
        f"training.windows_per_epoch={16 * steps}",
        "data.dataset.train_recordings=4",
        "data.dataset.validation_recordings=1",
    ]
    return resolve(read_document(EXPERIMENT, (*settings, *few)), load_plugins())


def data_for(experiment: Experiment) -> TrainingData:
    """Generate and lay out the data once, for both loops."""
    dataset = experiment.data.dataset.build(DataAccess(()))
    partition = experiment.data.split.build()(
        dataset.recordings, SplitContext(experiment.data.sequence_length, experiment.seed)
    )
    return prepare(experiment.data, dataset, partition, dtype=torch.float32, device=CPU)


def engine_speed(experiment: Experiment, data: TrainingData) -> float:
    """Train one epoch with the engine; return steps a second, validation left out."""
    parts = build_parts(experiment, data, dtype=torch.float32, device=CPU)
    speeds: list[float] = []

    def observe(event: object) -> None:
        if isinstance(event, EpochEnded):
            speeds.append(event.metrics["steps_per_second"])

    Loop(
        step=PlainStep(parts, data, experiment.training.grad_clip, FLOAT32, CPU),
        data=data,
        progress=Progress(0, torch.zeros((), dtype=torch.float64)),
        seed=experiment.seed,
        monitor="macro_f1",
        observe=observe,
        save=Unsaved(observe),
        stop=StopRequest(),
    ).run()
    return speeds[0]


def plain_speed(experiment: Experiment, data: TrainingData) -> float:
    """Train one epoch with the shortest loop of the same work; return steps a second."""
    parts = build_parts(experiment, data, dtype=torch.float32, device=CPU)
    model, steps, size = parts.model, parts.schedule.steps_per_epoch, parts.schedule.batch_size
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=1e-5, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps, eta_min=1e-6)
    columns, targets, offsets = data.train.columns, data.train.targets, data.train.offsets
    parameters = list(model.parameters())
    total = torch.zeros((), dtype=torch.float64)
    began = time.monotonic()
    order = epoch_order(len(data.train_starts), steps * size, experiment.seed, 0)
    starts = data.train_starts[order]
    for place in range(0, steps * size, size):
        index = starts[place : place + size, None] + offsets
        loss = nn.functional.cross_entropy(model(columns[index]).flatten(0, 1), targets[index].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        total += loss.detach()
    return steps / (time.monotonic() - began)


def measure(settings: list[str], rounds: int, seconds: float) -> dict[str, float]:
    """Return median speeds of both, and the ratio's minimum, median and maximum over the rounds."""
    data = data_for(experiment_for(settings, 20))
    plain_speed(experiment_for(settings, 5), data)  # warm-up
    steps = max(int(seconds * plain_speed(experiment_for(settings, 20), data)), 10)
    experiment = experiment_for(settings, steps)
    pairs = []
    for number in range(rounds):
        # who goes first changes from round to round
        speeds = [(engine_speed, plain_speed), (plain_speed, engine_speed)][number % 2]
        first, second = (speed(experiment, data) for speed in speeds)
        pairs.append((first, second) if number % 2 == 0 else (second, first))
    ratios = [engine / plain for engine, plain in pairs]
    return {
        "engine": statistics.median(engine for engine, _ in pairs),
        "plain": statistics.median(plain for _, plain in pairs),
        "ratio_min": min(ratios),
        "ratio": statistics.median(ratios),
        "ratio_max": max(ratios),
        "steps": steps,
        "rounds": rounds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=4.0, help="about how long one loop of a round takes")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    asked = parser.parse_args()
    figures = {}
    for name, settings in MODELS.items():
        figures[name] = found = measure(settings, asked.rounds, asked.seconds)
        print(
            f"{name:28} engine {found['engine']:7.1f} steps/s   plain {found['plain']:7.1f} steps/s   "
            f"ratio {found['ratio']:.3f} ({found['ratio_min']:.3f} to {found['ratio_max']:.3f}, "
            f"{asked.rounds} rounds of {found['steps']} steps)",
            flush=True,
        )
    if asked.json:
        write_figures(asked.json, {"ratios": figures})


if __name__ == "__main__":
    main()
