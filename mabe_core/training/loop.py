"""The loop: epochs of steps, validation, checkpoints; it does not know how a step is executed."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable
from typing import Any

import attrs
import torch
from torch import Tensor

from mabe_core.errors import RunError
from mabe_core.training.events import EpochEnded, Observer, Stepped
from mabe_core.training.inputs import TrainingData
from mabe_core.training.interruption import StopRequest
from mabe_core.training.parts import scores
from mabe_core.training.state import Progress
from mabe_core.training.step import Step
from mabe_core.training.validation import counted, validate

# seconds between two looks at the running loss; each is a wait for the device
LOOK_EVERY = 0.25

# saves a checkpoint, given the line of the epoch that just ended (None in mid-epoch)
Save = Callable[[dict[str, Any] | None], None]


def epoch_order(windows: int, take: int, seed: int, epoch: int) -> Tensor:
    """Return int64 (take,) window numbers of one epoch, drawn without replacement as far as they last.

    The order follows from seed and epoch alone, so that a resumed run goes on in the same order.
    """
    digest = hashlib.sha256(f"epoch order {seed} {epoch}".encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
    rounds = [torch.randperm(windows, generator=generator) for _ in range(-(-take // windows))]
    return torch.cat(rounds)[:take]


@attrs.frozen(eq=False)
class Loop:
    """Trains from wherever `progress` stands to the last epoch."""

    step: Step
    data: TrainingData
    progress: Progress
    seed: int
    monitor: str
    observe: Observer
    save: Save
    stop: StopRequest

    def run(self) -> None:
        """Train, validate and save, epoch by epoch.

        Raises Interrupted once a stop was asked for and the state is saved, RunError where the loss is not
        finite.
        """
        schedule = self.step.parts.schedule
        self.step.parts.model.train()
        while self.progress.step < schedule.total_steps:
            epoch = self.progress.step // schedule.steps_per_epoch
            began, first = time.monotonic(), self.progress.step
            self._train_epoch(epoch)
            seconds = time.monotonic() - began
            self._end_epoch(epoch + 1, (self.progress.step - first) / seconds, seconds)

    def _train_epoch(self, epoch: int) -> None:
        schedule, progress, stop = self.step.parts.schedule, self.progress, self.stop
        order = epoch_order(len(self.data.train_starts), schedule.windows_per_epoch, self.seed, epoch)
        first = epoch * schedule.steps_per_epoch
        last = first + schedule.steps_per_epoch
        starts = self.data.train_starts[order].to(progress.loss_sum.device)
        self.step.begin(starts, first, progress.step - first, progress.loss_sum)
        look = time.monotonic() + LOOK_EVERY
        while progress.step < last:
            progress.step += self.step.advance(last - progress.step)
            if stop.asked:
                self._stop(epoch)
            if time.monotonic() >= look:
                self._look(epoch, progress.step - first)
                look = time.monotonic() + LOOK_EVERY

    def _look(self, epoch: int, steps: int) -> float:
        loss = self.progress.loss_sum.item() / steps
        if not math.isfinite(loss):
            raise RunError(
                f"the loss became {loss} in epoch {epoch + 1}, at or before step {self.progress.step}. The "
                "inputs are finite, so try a smaller learning rate or grad_clip. Nothing of this was saved"
            )
        self.observe(Stepped(epoch + 1, self.progress.step, loss))
        return loss

    def _stop(self, epoch: int) -> None:
        steps = self.progress.step - epoch * self.step.parts.schedule.steps_per_epoch
        if steps < self.step.parts.schedule.steps_per_epoch:
            self._look(epoch, steps)
            self.save(None)
            raise self.stop.interrupted(
                f"stopped in epoch {epoch + 1} at step {self.progress.step}, and saved"
            )

    def _end_epoch(self, epoch: int, speed: float, seconds: float) -> None:
        progress = self.progress
        train_loss = self._look(epoch - 1, self.step.parts.schedule.steps_per_epoch)
        parts = self.step.parts
        evaluation = validate(self.step.forward, parts.model, parts.loss, self.data)
        values = scores(parts, evaluation)
        progress.loss_sum.zero_()
        best = self._is_best(values[self.monitor])
        if best:
            progress.best = {"score": values[self.monitor], "epoch": epoch, "step": progress.step}
        line = {
            "epoch": epoch,
            "step": progress.step,
            "train_loss": train_loss,
            "learning_rate": self.step.rate(),
            **{f"val_{name}": value for name, value in values.items()},
            **counted(evaluation),
            "seconds": round(seconds, 3),
            "steps_per_second": round(speed, 3),
        }
        self.save(line)
        self.observe(EpochEnded(line, best))
        if progress.step < self.step.parts.schedule.total_steps:
            self.stop.check(f"after epoch {epoch}, and saved")

    def _is_best(self, score: float) -> bool:
        if self.progress.best is None or math.isnan(self.progress.best["score"]):
            return True
        before: float = self.progress.best["score"]
        return score < before if self.monitor in self.step.parts.lower_is_better else score > before
