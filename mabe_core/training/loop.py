"""The loop: epochs of steps, validation, checkpoints; it does not know how a step is executed."""

from __future__ import annotations

import contextlib
import hashlib
import math
import time

import attrs
import torch
from torch import Tensor

from mabe_core.exchange import WatchingSchedule
from mabe_core.experiment.schema import EarlyStopping
from mabe_core.training.early_stopping import why_stop
from mabe_core.training.events import EpochEnded, Observer, Stepped, StoppedEarly
from mabe_core.training.inputs import TrainingData
from mabe_core.training.interruption import StopRequest
from mabe_core.training.memory import first_line, out_of_memory
from mabe_core.training.not_finite import Trail, not_finite_loss, too_many_skipped
from mabe_core.training.parts import scores
from mabe_core.training.saving import Saving
from mabe_core.training.skipping import MOST_IN_A_ROW, Skipping
from mabe_core.training.state import Progress
from mabe_core.training.step import Forward, Step
from mabe_core.training.validation import counted, validate

# seconds between two looks at the running loss; each is a wait for the device
LOOK_EVERY = 0.25
# best epochs that are remembered, so that another number of them can be kept when a run goes on
RANKED = 100


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
    save: Saving
    stop: StopRequest
    early_stopping: EarlyStopping | None = None
    # the model in validation; by default as training has it
    forward: Forward | None = None
    trail: Trail = attrs.field(init=False, factory=Trail)

    def run(self) -> str:
        """Train, validate and save, epoch by epoch; return why it ended before the last, or nothing.

        Raises Interrupted once a stop was asked for and the state is saved, NotFiniteError where the loss is
        not finite, UserError where memory is not enough.
        """
        schedule, factor = self.step.parts.schedule, self.step.parts.factor
        self.step.parts.model.train()
        if isinstance(factor, WatchingSchedule):
            for earlier in self.progress.scores:
                factor.epoch_ended(earlier)
        why = self._why_stop()
        while self.progress.step < schedule.total_steps and not why:
            epoch = self.progress.step // schedule.steps_per_epoch
            began, first = time.monotonic(), self.progress.step
            loss = self._train_epoch(epoch)
            seconds = time.monotonic() - began
            why = self._end_epoch(epoch + 1, loss, (self.progress.step - first) / seconds, seconds)
        self.save.wait()
        if self.progress.step == schedule.total_steps:
            return ""
        self.observe(StoppedEarly(self.progress.step // schedule.steps_per_epoch, why))
        return why

    def _why_stop(self) -> str:
        parts = self.step.parts
        return why_stop(self.early_stopping, self.monitor, parts.lower_is_better, self.progress.scores)

    def _train_epoch(self, epoch: int) -> float:
        """Do what is left of an epoch's steps; return their mean loss."""
        schedule, progress, stop = self.step.parts.schedule, self.progress, self.stop
        order = epoch_order(len(self.data.train_starts), schedule.windows_per_epoch, self.seed, epoch)
        first = epoch * schedule.steps_per_epoch
        last = first + schedule.steps_per_epoch
        starts = self.data.train_starts[order].to(progress.loss_sum.device)
        done = progress.step - first
        self.step.begin(self.data.feed.begin(starts, done), first, done, progress.loss_sum)
        look = time.monotonic() + LOOK_EVERY
        while progress.step < last:
            before = progress.step
            ready = self.data.feed.ready(before - first)
            progress.step += self._advance(min(last - before, ready, self.save.most(before)))
            self.trail.add(before, progress.step, progress.loss_sum)
            due, asked = self.step.processes.decide(self.save.due(progress.step), stop.asked)
            if progress.step == last:
                break
            if due or asked:
                self._look(epoch, starts)
                self.save(None)
            if asked:
                self.save.wait()
                raise stop.interrupted(f"stopped in epoch {epoch + 1} at step {progress.step}, and saved")
            if time.monotonic() >= look:
                self._look(epoch, starts)
                look = time.monotonic() + LOOK_EVERY
        return self._look(epoch, starts)

    def _advance(self, most: int) -> int:
        try:
            return self.step.advance(most)
        except torch.OutOfMemoryError as error:
            told = first_line(error)
        raise out_of_memory(self.step, self.data, told)  # here nothing holds the step's tensors any more

    def _look(self, epoch: int, starts: Tensor) -> float:
        """Return the mean loss of the epoch so far; raise NotFiniteError where it is not finite.

        The first process looks for all: the others lose the same, and are ended with it.
        """
        schedule, progress = self.step.parts.schedule, self.progress
        if not self.step.processes.leads:
            self.trail.clear()
            return math.nan
        first = epoch * schedule.steps_per_epoch
        steps = progress.step - first
        if progress.skipping is not None:
            steps -= self._look_at_skipped(progress.skipping, epoch)
        loss: float = progress.loss_sum.item() / max(steps, 1)
        if not math.isfinite(loss):
            found = self.trail.first()
            assert found is not None, "sums that were finite are forgotten, no others"
            before, after = (step - first for step in found)
            one = f"step {found[1]}"
            numbers = one if after == before + 1 else f"one of the steps {found[0] + 1} to {found[1]}"
            batch = starts[before * schedule.batch_size : after * schedule.batch_size].tolist()
            self.save.wait()
            raise not_finite_loss(
                loss, f"{numbers}, in epoch {epoch + 1}", self.data, batch, self.save.newest
            )
        self.trail.clear()
        self.observe(Stepped(epoch + 1, progress.step, loss))
        return loss

    def _look_at_skipped(self, skipping: Skipping, epoch: int) -> int:
        """Return how many steps of the epoch were left out; raise NotFiniteError where all of late were."""
        in_a_row = int(skipping.in_a_row)
        if in_a_row >= MOST_IN_A_ROW:
            self.save.wait()
            raise too_many_skipped(in_a_row, self.progress.step, epoch + 1, self.save.newest)
        return int(skipping.skipped)

    def _end_epoch(self, epoch: int, train_loss: float, speed: float, seconds: float) -> str:
        """Validate and save; return why no epoch follows, or nothing."""
        progress, parts = self.progress, self.step.parts
        with contextlib.nullcontext() if progress.average is None else progress.average.in_place():
            forward = self.forward or self.step.forward
            evaluation = validate(forward, parts.model, parts.loss, self.data, self.step.processes)
        values = scores(parts, evaluation)
        progress.loss_sum.zero_()
        skipped = {}
        if progress.skipping is not None:
            skipped["skipped_steps"] = int(progress.skipping.skipped)
            progress.skipping.skipped.zero_()
        best = self._rank(values[self.monitor], epoch)
        watches = isinstance(parts.factor, WatchingSchedule)
        if watches or self.early_stopping is not None:
            progress.scores.append(values)
        if isinstance(parts.factor, WatchingSchedule):
            parts.factor.epoch_ended(values)
        line = {
            "epoch": epoch,
            "step": progress.step,
            "train_loss": train_loss,
            "learning_rate": self.step.rate(),
            **skipped,
            **{f"val_{name}": value for name, value in values.items()},
            **counted(evaluation),
            "seconds": round(seconds, 3),
            "steps_per_second": round(speed, 3),
        }
        self.save(EpochEnded(line, best))
        (asked,) = self.step.processes.decide(self.stop.asked)
        if asked and progress.step < parts.schedule.total_steps:
            self.save.wait()
            raise self.stop.interrupted(f"stopped after epoch {epoch}, and saved")
        return self._why_stop()

    def _rank(self, score: float, epoch: int) -> bool:
        """Put an epoch where it belongs among the best; of equal ones the earlier is better."""
        better = -1 if self.monitor not in self.step.parts.lower_is_better else 1

        def order(each: dict[str, float]) -> tuple[bool, float]:
            return math.isnan(each["score"]), better * each["score"]

        entry = {"score": score, "epoch": epoch, "step": self.progress.step}
        ranking = sorted([*self.progress.ranking, entry], key=order)
        self.progress.ranking[:] = ranking[:RANKED]
        return ranking[0] is entry
