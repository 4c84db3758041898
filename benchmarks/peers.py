"""How others would train the same model on the same windows, for comparisons: steps a second of each.

Each function trains a fresh model for some steps, and returns the speed of those after the warm-up.
"""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from mabe_core.exchange import UNLABELLED
from mabe_core.training.batches import TableBatches
from mabe_core.training.inputs import TrainingData

WORKERS = 4
LEARNING_RATE, WEIGHT_DECAY, CLIP = 1e-4, 1e-5, 1.0


@attrs.frozen(eq=False)
class Work:
    """What is trained: a way to build the model, the data on the device, windows a step, measured steps."""

    build: Callable[[], nn.Module]
    data: TrainingData
    device: torch.device
    batch: int
    steps: int
    warm_up: int = 20

    @property
    def table(self) -> TableBatches:
        """The columns, targets and offsets that windows are gathered from."""
        assert isinstance(self.data.train, TableBatches)
        return self.data.train

    def order(self) -> Tensor:
        """Return the starts of all windows that are trained on, at random."""
        windows = (self.warm_up + self.steps) * self.batch
        return self.data.train_starts[torch.randint(len(self.data.train_starts), (windows,))]


class Windows(Dataset[tuple[Tensor, Tensor]]):
    """Windows one by one, out of the host's memory, as a DataLoader asks for them."""

    def __init__(self, table: TableBatches, starts: Tensor, counts: Tensor | None = None) -> None:
        """Take windows by their first frames; counts bool (windows, frames): others have no label."""
        self.columns, self.targets = table.columns.cpu(), table.targets.cpu()
        self.offsets, self.starts, self.counts = table.offsets.cpu(), starts, counts

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor]:
        index = self.starts[number] + self.offsets
        targets = self.targets[index]
        if self.counts is not None:
            targets = targets.where(self.counts[number], UNLABELLED)
        return self.columns[index], targets


def loader(work: Work) -> DataLoader[tuple[Tensor, Tensor]]:
    """Return a DataLoader as its documentation advises for a GPU."""
    return DataLoader(
        Windows(work.table, work.order()),
        work.batch,
        shuffle=True,
        num_workers=WORKERS,
        pin_memory=work.device.type == "cuda",
    )


class Clock:
    """Times the steps after the warm-up."""

    def __init__(self, work: Work) -> None:
        self.work, self.done = work, 0
        self.began = self.ended = 0.0

    def tick(self) -> bool:
        """Take note that a step was done; tell whether it was the last."""
        self.done += 1
        if self.done == self.work.warm_up:
            self.began = self._now()
        if self.done == self.work.warm_up + self.work.steps:
            self.ended = self._now()
            return True
        return False

    def _now(self) -> float:
        if self.work.device.type == "cuda":
            torch.cuda.synchronize()
        return time.monotonic()

    @property
    def speed(self) -> float:
        """Steps a second."""
        return self.work.steps / (self.ended - self.began)


def judge(scores: Tensor, targets: Tensor) -> Tensor:
    """Return the cross-entropy of a batch."""
    return nn.functional.cross_entropy(scores.flatten(0, 1).float(), targets.flatten(), ignore_index=-1)


def optimizer_of(model: nn.Module, **options: Any) -> torch.optim.Optimizer:
    """Return V3's optimizer."""
    return torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, **options)


def loop_over_loader(work: Work) -> float:
    """Train as V3's script did: float32, a DataLoader, the loss read at each step."""
    model = work.build().to(work.device)
    optimizer, clock, total = optimizer_of(model), Clock(work), 0.0
    for inputs, targets in loader(work):
        inputs = inputs.to(work.device, non_blocking=True)
        loss = judge(model(inputs), targets.to(work.device, non_blocking=True))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        total += loss.item()
        if clock.tick():
            break
    return clock.speed


def loop_on_device(work: Work) -> float:
    """Train with the shortest float32 loop over data that lies on the device."""
    return _shortest(work, contextlib.nullcontext())


def loop_in_bfloat16(work: Work) -> float:
    """Train with the same loop under autocast, its optimizer fused."""
    return _shortest(work, torch.autocast(work.device.type, dtype=torch.bfloat16), fused=True)


def _shortest(work: Work, around: contextlib.AbstractContextManager[Any], **options: Any) -> float:
    model = work.build().to(work.device)
    optimizer, clock = optimizer_of(model, **options), Clock(work)
    order = work.order().to(work.device)
    total = torch.zeros((), device=work.device)
    for first in range(0, len(order), work.batch):
        inputs, targets = work.table(order[first : first + work.batch])
        with around:
            loss = judge(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        total += loss.detach()
        if clock.tick():
            break
    return clock.speed


def lightning(work: Work) -> float:
    """Train with Lightning's Trainer over a DataLoader, its checks, logs and bars off."""
    import lightning

    clock = Clock(work)

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model = work.build()

        def training_step(self, batch: tuple[Tensor, Tensor]) -> Tensor:
            return judge(self.model(batch[0]), batch[1])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return optimizer_of(self.model)

        def on_train_batch_end(self, *_: Any) -> None:
            clock.tick()

    steps = work.warm_up + work.steps
    with trainer(work.device, max_steps=steps, gradient_clip_val=CLIP, enable_checkpointing=False) as alone:
        alone.fit(Module(), loader(work))
    return clock.speed


def accelerate(work: Work) -> float:
    """Train with Hugging Face's accelerate over a DataLoader, in float32."""
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=work.device.type == "cpu")
    model = work.build()
    model, optimizer, batches = accelerator.prepare(model, optimizer_of(model), loader(work))
    clock = Clock(work)
    for inputs, targets in batches:
        loss = judge(model(inputs), targets)
        optimizer.zero_grad()
        accelerator.backward(loss)
        accelerator.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        if clock.tick():
            break
    return clock.speed


@contextlib.contextmanager
def trainer(device: torch.device, **more: Any) -> Iterator[Any]:
    """Yield Lightning's Trainer on one device, with its logs, bars and warnings off."""
    import logging

    import lightning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
        yield lightning.Trainer(
            accelerator="gpu" if device.type == "cuda" else "cpu",
            devices=1,
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            **more,
        )


PEERS: dict[str, Callable[[Work], float]] = {
    "plain loop, fp32, DataLoader with 4 workers, loss.item() each step": loop_over_loader,
    "plain loop, fp32, data on the device": loop_on_device,
    "plain loop, bf16, fused AdamW, data on the device": loop_in_bfloat16,
    "Lightning Trainer, fp32, DataLoader with 4 workers": lightning,
    "accelerate, fp32, DataLoader with 4 workers": accelerate,
}
