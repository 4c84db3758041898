"""Frames a second that V3's model scores, beside how others would score the same.

    python -m benchmarks.inference_speed [--device cuda] [--rounds 5] [--set KEY=VALUE …] [--json OUT]

Everybody scores recordings of the synthetic dataset with the same weights, window beside window without
overlap, and brings the probabilities to the CPU. mabe's figure is that of `mabe predict` from points in
memory on: features, windows, and the mean where windows overlap are in it; the others are given windows of
features that are ready.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import attrs
import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.in_turn import in_turn, keep, options_of_v3, print_summary, summary
from benchmarks.peers import WORKERS, trainer
from benchmarks.training_speed import EXPERIMENT
from mabe_core.data.windows import WindowShape, tiling
from mabe_core.discovery import load_plugins
from mabe_core.exchange import DataAccess, Recording
from mabe_core.experiment import read_document, resolve
from mabe_core.training.assembling import find_device
from mabe_core.training.batches import TableBatches
from mabe_core.training.blame import build_at
from mabe_core.training.inputs import TrainingData, prepare
from mabe_core.training.reading import read_data
from mabe_core.training.scoring import Scorer, windows_at_once

UNIT, OURS = "frames/s", "mabe, from points"
CPU = torch.device("cpu")


@attrs.frozen(eq=False)
class Scoring:
    """What is scored: recordings, and their windows (windows, frames, inputs) in the host's memory."""

    model: nn.Module
    scorer: Scorer
    recordings: tuple[Recording, ...]
    windows: Tensor
    device: torch.device

    @property
    def frames(self) -> int:
        """Frames of all recordings."""
        return sum(recording.frames for recording in self.recordings)

    @property
    def batch(self) -> int:
        """Windows that we score at once; others get as many."""
        return windows_at_once(self.windows.shape[1], self.windows.shape[2])


def scoring_of(settings: list[str], device: torch.device) -> Scoring:
    """Generate the recordings, lay out their windows, and draw a model's weights."""
    experiment = resolve(read_document(EXPERIMENT, settings), load_plugins())
    dataset, partition = read_data(experiment, DataAccess(()))
    data = prepare(experiment.data, dataset, partition, dtype=torch.float32, device=CPU)
    torch.manual_seed(experiment.seed)
    model = build_at("model", experiment.model, data.shape).to(device).eval()
    length = data.shape.sequence_length
    scorer = Scorer(model, experiment.data, data.shape, device, torch.float32, stride=length)
    return Scoring(model, scorer, dataset.recordings, _windows(data, dataset.recordings, length), device)


def _windows(data: TrainingData, recordings: tuple[Recording, ...], length: int) -> Tensor:
    first, starts = 0, []
    for recording in recordings:
        starts.append(first + tiling(recording.frames, WindowShape(length))[0])
        first += recording.frames
    begins = torch.as_tensor(np.concatenate(starts))
    assert isinstance(data.train, TableBatches)
    return data.train.columns[begins[:, None] + torch.arange(length)]


def ours(work: Scoring) -> None:
    """Score as `mabe predict` does."""
    for recording in work.recordings:
        work.scorer.probabilities(recording, (0, 1))


@torch.inference_mode()
def loop(work: Scoring) -> None:
    """Score with the shortest loop over windows that lie in the host's memory."""
    for batch in work.windows.split(work.batch):
        work.model(batch.to(work.device)).softmax(-1).cpu()


@torch.inference_mode()
def loop_over_loader(work: Scoring) -> None:
    """Score with a loop over a DataLoader."""
    for (batch,) in loader(work):
        work.model(batch.to(work.device, non_blocking=True)).softmax(-1).cpu()


def lightning(work: Scoring) -> None:
    """Score with Lightning's Trainer.predict over a DataLoader, its checks and bars off."""
    import lightning

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model = work.model

        def predict_step(self, batch: list[Tensor]) -> Tensor:
            scores: Tensor = self.model(batch[0]).softmax(-1).cpu()
            return scores

    with trainer(work.device) as alone:
        alone.predict(Module(), loader(work))
    work.model.to(work.device)


def loader(work: Scoring) -> DataLoader[tuple[Tensor, ...]]:
    """Return a DataLoader as its documentation advises for a GPU."""
    on_gpu = work.device.type == "cuda"
    return DataLoader(TensorDataset(work.windows), work.batch, num_workers=WORKERS, pin_memory=on_gpu)


PEERS: dict[str, Callable[[Scoring], None]] = {
    OURS: ours,
    "plain loop, fp32": loop,
    "plain loop, fp32, DataLoader with 4 workers": loop_over_loader,
    "Lightning Trainer.predict, fp32, DataLoader with 4 workers": lightning,
}


def speed(score: Callable[[Scoring], None], work: Scoring) -> float:
    """Return frames a second."""
    began = time.monotonic()
    score(work)
    return work.frames / (time.monotonic() - began)


def main() -> None:
    """Measure and print; --json writes the figures."""
    asked = options_of_v3(__doc__, 5).parse_args()
    work = scoring_of(asked.set, find_device(asked.device))
    contenders = {name: partial(speed, score, work) for name, score in PEERS.items()}
    in_turn(contenders, 1, UNIT, asked.only)  # the first round captures and starts workers: it does not count
    told = summary(in_turn(contenders, asked.rounds, UNIT, asked.only), OURS, UNIT)
    print_summary(told, OURS, UNIT)
    keep(asked, told, frames=work.frames, batch=work.batch)


if __name__ == "__main__":
    main()
