"""Validation: counts on the device, read once an epoch."""

from __future__ import annotations

import attrs
import torch
from torch import Tensor, nn

from mabe_core.exchange import DataShape, Evaluation
from mabe_core.training.inputs import TrainingData
from mabe_core.training.parts import LossFunction
from mabe_core.training.processes import ALONE, Processes
from mabe_core.training.step import Forward

# windows scored at once, and their frames: enough to keep a device busy, few enough for a laptop's memory
BATCH = 256
BATCH_FRAMES = 256 * 64
# and their inputs: 4 MB, of which a model makes many
BATCH_NUMBERS = 1 << 20


def windows_at_once(shape: DataShape) -> int:
    """Return how many windows are scored at once."""
    frames = min(BATCH_FRAMES, BATCH_NUMBERS // shape.input_dim)
    return max(1, min(BATCH, frames // shape.sequence_length))


@attrs.define(eq=False)
class ConfusionCounts:
    """Counts int64 of (truth, prediction) over labelled frames, without a wait for the device."""

    classes: int
    counts: Tensor

    @classmethod
    def empty(cls, classes: int, device: torch.device) -> ConfusionCounts:
        """Return zero counts; the last bin takes what is unlabelled."""
        return cls(classes, torch.zeros(classes * classes + 1, dtype=torch.int64, device=device))

    def add(self, truth: Tensor, predicted: Tensor) -> None:
        """Count frames; truth -1 where unlabelled."""
        bins = torch.where(truth < 0, self.classes * self.classes, truth * self.classes + predicted).flatten()
        self.counts.index_add_(0, bins, torch.ones_like(bins))

    def matrix(self) -> Tensor:
        """Return (classes, classes) on the CPU, rows truth."""
        return self.counts[:-1].cpu().view(self.classes, self.classes)


@attrs.define(eq=False)
class ClassCounts:
    """True positives, false positives and false negatives of each class, for frames that may have several."""

    counts: Tensor

    @classmethod
    def empty(cls, classes: int, device: torch.device) -> ClassCounts:
        """Return zero counts."""
        return cls(torch.zeros(classes, 3, dtype=torch.int64, device=device))

    def add(self, truth: Tensor, scores: Tensor) -> None:
        """Count frames; truth (…, classes), -1 where unlabelled; a class is found above one half."""
        found = scores > 0  # the log-odds
        each = (found & (truth == 1), found & (truth == 0), ~found & (truth == 1))
        self.counts += torch.stack([these.flatten(0, -2).sum(0) for these in each], dim=1)


@torch.no_grad()
def validate(
    forward: Forward,
    model: nn.Module,
    loss: LossFunction,
    data: TrainingData,
    processes: Processes = ALONE,
) -> Evaluation:
    """Score each validation frame once, in one of the processes; forward: the model as training computes it.

    The loss is the mean over batches of the loss function, each weighted by its labelled frames.
    """
    processes.align(model)
    was_training = model.training
    model.eval()
    device = data.validation_starts.device
    exclusive, classes = data.shape.exclusive, data.shape.num_classes
    confusion, each = ConfusionCounts.empty(classes, device), ClassCounts.empty(classes, device)
    loss_sum = torch.zeros((), dtype=torch.float64, device=device)
    frames = torch.zeros((), dtype=torch.float64, device=device)
    batch = windows_at_once(data.shape)
    for first in range(processes.rank * batch, len(data.validation_starts), processes.count * batch):
        inputs, targets = data.validation(data.validation_starts[first : first + batch])
        counts = data.validation_counts[first : first + batch]
        targets = targets.masked_fill(~(counts if exclusive else counts[..., None]), -1)
        scores = forward(inputs)
        labelled = (targets >= 0).sum()
        # a batch without a labelled frame has no mean: count it as nothing
        loss_sum += torch.where(labelled > 0, loss(scores, targets).double() * labelled, 0.0)
        frames += labelled
        last_stage = scores[-1] if scores.dim() == 4 else scores
        if exclusive:
            confusion.add(targets, last_stage.argmax(-1))
        else:
            each.add(targets, last_stage)
        del inputs, scores, last_stage  # before the next ones are there
    model.train(was_training)
    processes.sum([confusion.counts, each.counts, loss_sum, frames])
    loss_mean = float(loss_sum / frames.clamp(min=1))
    found = (confusion.matrix() if exclusive else each.counts.cpu()).numpy()
    found.flags.writeable = False  # metrics look at it one after another
    if exclusive:
        return Evaluation(found, loss_mean, data.shape.class_names)
    return Evaluation(None, loss_mean, data.shape.class_names, counts=found)


def counted(evaluation: Evaluation) -> dict[str, list[list[int]]]:
    """Return the counts of an epoch as its line of metrics.jsonl tells them."""
    if evaluation.confusion is None:
        return {"counts": evaluation.counts.tolist()}
    return {"confusion": evaluation.confusion.tolist()}
