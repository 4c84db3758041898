"""A small training, step by step, for tests of how steps are executed; torch and the plugins are all it needs."""

from __future__ import annotations

from pathlib import Path

import torch

from mabe_core.data.windows import WindowShape
from mabe_core.discovery import load_plugins
from mabe_core.exchange import DataAccess, SplitContext
from mabe_core.experiment import Experiment, read_document, resolve
from mabe_core.training.inputs import TrainingData, prepare
from mabe_core.training.loop import epoch_order
from mabe_core.training.parts import Parts, build_parts
from mabe_core.training.placing import ON_DEVICE, Placing
from mabe_core.training.precision import Precision
from mabe_core.training.state import Progress
from mabe_core.training.step import Step

CPU = torch.device("cpu")
FLOAT64 = Precision(torch.float64, torch.float64)
FLOAT32 = Precision(torch.float32, torch.float32)
BFLOAT16 = Precision(torch.float32, torch.bfloat16)
FLOAT16 = Precision(torch.float32, torch.float16)

# batches of 7 out of 24 windows an epoch, so that the last is smaller; no dropout
FEW = f"""\
name: few
seed: 7
plugins: [{Path(__file__).parent.parent / "files" / "tiny.py"}]
data:
  dataset: {{name: tiny}}
  sequence_length: 16
model: {{name: transformer, hidden_dim: 16, num_layers: 1, num_heads: 2, dropout: 0.0,
  positional_encoding: {{name: sinusoidal, dropout: 0.0}}}}
optimizer: {{name: adamw, learning_rate: 1e-3}}
scheduler: cosine
training: {{epochs: 50, batch_size: 7, windows_per_epoch: 24}}
"""


def experiment_of(folder: Path, *settings: str) -> Experiment:
    """Return the small experiment with some of it changed."""
    file = folder / "few.yaml"
    file.write_text(FEW, encoding="utf-8")
    document = read_document(file, settings)
    return resolve(document, load_plugins(document.plugin_files))


def parts_of(
    experiment: Experiment, precision: Precision, device: torch.device
) -> tuple[Parts, TrainingData]:
    """Return what a step is made of."""
    data = data_of(experiment, precision, device)
    return build_parts(experiment, data, dtype=precision.weights, device=device), data


def data_of(
    experiment: Experiment, precision: Precision, device: torch.device, placing: Placing = ON_DEVICE
) -> TrainingData:
    """Return the data of an experiment, read without the checks of a run."""
    dataset = experiment.data.dataset.build(DataAccess(()))
    window = WindowShape(experiment.data.sequence_length, experiment.data.frame_gap)
    partition = experiment.data.split.build()(dataset.recordings, SplitContext(window.span, experiment.seed))
    return prepare(
        experiment.data, dataset, partition, dtype=precision.weights, device=device, placing=placing
    )


def fresh(device: torch.device) -> Progress:
    """Return the progress of a training that has not begun."""
    return Progress(0, torch.zeros((), dtype=torch.float64, device=device))


def train(step: Step, data: TrainingData, progress: Progress, steps: int) -> list[float]:
    """Return the losses of the next steps, epoch after epoch; of several at once their mean, as often."""
    schedule = step.parts.schedule
    losses: list[float] = []
    while len(losses) < steps:
        epoch, done = divmod(progress.step, schedule.steps_per_epoch)
        order = epoch_order(len(data.train_starts), schedule.windows_per_epoch, 3, epoch)
        starts = data.train_starts[order].to(progress.loss_sum.device)
        step.begin(data.feed.begin(starts, done), progress.step - done, done, progress.loss_sum)
        left = schedule.steps_per_epoch - done
        while left and len(losses) < steps:
            before = progress.loss_sum.item()
            ready = data.feed.ready(schedule.steps_per_epoch - left)
            advanced = step.advance(min(left, ready, steps - len(losses)))
            left -= advanced
            progress.step += advanced
            losses += [(progress.loss_sum.item() - before) / advanced] * advanced
    return losses
