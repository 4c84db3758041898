"""An experiment file's training in Lightning, as benchmarks/whole_experiment.py times it.

    python -m benchmarks.lightning_experiment experiments/v3_transformer.yaml [KEY=VALUE …]

Recordings, columns, model, loss, optimizer, schedule, windows an epoch and checkpoints are the experiment's;
batches come from a DataLoader with workers, precision is float32, scores are torchmetrics'.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor
from torch.utils.data import DataLoader, RandomSampler
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score

from benchmarks.peers import CLIP, WORKERS, Windows, judge, optimizer_of, trainer
from benchmarks.training_speed import data_for
from mabe_core.discovery import load_plugins
from mabe_core.exchange import DataShape
from mabe_core.experiment import Experiment, read_document, resolve
from mabe_core.training.assembling import find_device
from mabe_core.training.batches import TableBatches
from mabe_core.training.blame import build_at

VALIDATED_AT_ONCE = 256


class Classifier(lightning.LightningModule):
    """The experiment's model with V3's loss, optimizer and schedule."""

    def __init__(self, experiment: Experiment, shape: DataShape, steps: int) -> None:
        super().__init__()
        self.model = build_at("model", experiment.model, shape)
        self.steps = steps
        classes = {"num_classes": shape.num_classes, "ignore_index": -1}
        self.accuracy = MulticlassAccuracy(average="micro", **classes)
        self.macro_f1 = MulticlassF1Score(average="macro", **classes)

    def training_step(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        loss = judge(self.model(batch[0]), batch[1])
        self.log("train_loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor]) -> None:
        scores, targets = self.model(batch[0]), batch[1]
        self.log("val_loss", judge(scores, targets))
        for name in ("accuracy", "macro_f1"):
            metric = getattr(self, name)
            metric(scores.flatten(0, 1), targets.flatten())
            self.log(name, metric)

    def on_validation_epoch_end(self) -> None:
        print(f"macro_f1 {self.macro_f1.compute():.4f}", flush=True)

    def configure_optimizers(self) -> Any:
        optimizer = optimizer_of(self)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.steps, eta_min=1e-6)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def main() -> None:
    """Train, validate and save."""
    file, *settings = sys.argv[1:]
    experiment = resolve(read_document(Path(file), settings), load_plugins())
    lightning.seed_everything(experiment.seed, verbose=False)
    data = data_for(experiment, torch.device("cpu"))
    training = experiment.training
    windows = training.windows_per_epoch or len(data.train_starts)
    assert isinstance(data.train, TableBatches)
    seen = Windows(data.train, data.train_starts)
    held = Windows(data.train, data.validation_starts, data.validation_counts)
    device = find_device(experiment.device)
    common: dict[str, Any] = {
        "num_workers": WORKERS,
        "pin_memory": device.type == "cuda",
        "persistent_workers": True,
    }
    steps = training.epochs * (windows // training.batch_size)
    with trainer(
        device,
        max_epochs=training.epochs,
        gradient_clip_val=CLIP,
        num_sanity_val_steps=0,
        callbacks=[ModelCheckpoint("checkpoints", every_n_epochs=5, save_last=True)],
    ) as alone:
        alone.fit(
            Classifier(experiment, data.shape, steps),
            DataLoader(seen, training.batch_size, sampler=RandomSampler(seen, num_samples=windows), **common),
            DataLoader(held, VALIDATED_AT_ONCE, **common),
        )


if __name__ == "__main__":
    main()
