"""What a training step consists of: kernels a step and time by kernel on a GPU, operations on a CPU."""

from __future__ import annotations

import time

import attrs
import torch
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from mabe_core.experiment import Experiment
from mabe_core.training.choosing import choose_step
from mabe_core.training.inputs import TrainingData
from mabe_core.training.loop import epoch_order
from mabe_core.training.parts import build_parts
from mabe_core.training.precision import find_precision
from mabe_core.training.step import Step

# rows of the table, and letters of a kernel's name: templates have names of thousands
ROWS, LETTERS = 25, 90
# copies and fills, which a GPU does beside kernels
NO_KERNELS = ("Memcpy", "Memset")


@attrs.frozen
class Row:
    """All calls of one kernel, or of one operation: how many, and their own time in µs, a step."""

    name: str
    calls: float
    time: float


@attrs.frozen
class StepProfile:
    """A step by what it calls, the longest first.

    how: as steps are done. on: "kernels" of a GPU or "operations" of a CPU. wall: µs a step by the clock,
    without the profiler.
    """

    how: str
    on: str
    wall: float
    rows: tuple[Row, ...]

    @property
    def kernels(self) -> float:
        """Kernels, or operations, a step; copies and fills left out."""
        return sum(row.calls for row in self.rows if not row.name.startswith(NO_KERNELS))

    @property
    def busy(self) -> float:
        """µs a step that the device works."""
        return sum(row.time for row in self.rows)

    def lines(self, most: int = ROWS) -> list[str]:
        """Return the profile as a table."""
        shown, rest = self.rows[:most], self.rows[most:]
        told = [
            f"steps are {self.how}: {self.kernels:.1f} {self.on} a step, busy {self.busy:,.1f} µs of "
            f"{self.wall:,.1f} µs a step",
            f"{'µs/step':>10} {'share':>6} {'calls/step':>10}  name",
        ]
        told += [self._line(row.time, row.calls, row.name) for row in shown]
        if rest:
            many = f"{len(rest)} others"
            told.append(self._line(sum(row.time for row in rest), sum(row.calls for row in rest), many))
        return told

    def _line(self, spent: float, calls: float, name: str) -> str:
        return f"{spent:10,.1f} {spent / max(self.busy, 1e-9):6.1%} {calls:10.2f}  {name[:LETTERS]}"


def profile_steps(
    experiment: Experiment, data: TrainingData, device: torch.device, *, warm_up: int, steps: int
) -> StepProfile:
    """Train some steps first, which capture and compile; then measure some by the clock, and profile more."""
    precision = find_precision(experiment.training.precision, device)
    parts = build_parts(experiment, data, dtype=precision.weights, device=device)
    step = choose_step(experiment, parts, data, precision, device, lambda message: print(message, flush=True))
    schedule = parts.schedule
    assert warm_up + 2 * steps <= schedule.steps_per_epoch, "one epoch holds them all"
    parts.model.train()
    order = epoch_order(len(data.train_starts), schedule.windows_per_epoch, experiment.seed, 0)
    losses = torch.zeros((), dtype=torch.float64, device=device)
    starts = data.feed.begin(data.train_starts[order].to(device), 0)
    step.begin(starts, 0, 0, losses)
    done = _advance(step, data, 0, warm_up, device)
    began = time.perf_counter()
    done = _advance(step, data, done, steps, device)
    wall = (time.perf_counter() - began) / steps * 1e6
    on_gpu = device.type == "cuda"
    activities = [ProfilerActivity.CPU, ProfilerActivity.CUDA] if on_gpu else [ProfilerActivity.CPU]
    with profile(activities=activities) as profiled:
        _advance(step, data, done, steps, device)
    return StepProfile(step.how, "kernels" if on_gpu else "operations", wall, _rows(profiled, on_gpu, steps))


def _advance(step: Step, data: TrainingData, done: int, steps: int, device: torch.device) -> int:
    """Do so many steps, and wait for the device."""
    last = done + steps
    while done < last:
        done += step.advance(min(last - done, data.feed.ready(done)))
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return done


def _rows(profiled: profile, on_gpu: bool, steps: int) -> tuple[Row, ...]:
    wanted = DeviceType.CUDA if on_gpu else DeviceType.CPU
    calls: dict[str, int] = {}
    spent: dict[str, float] = {}
    for event in profiled.events() or ():
        # ranges that somebody named are no work of their own
        if event.device_type != wanted or getattr(event, "is_user_annotation", False):
            continue
        own = event.time_range.elapsed_us() if on_gpu else event.self_cpu_time_total
        calls[event.name] = calls.get(event.name, 0) + 1
        spent[event.name] = spent.get(event.name, 0.0) + own
    rows = [Row(name, count / steps, spent[name] / steps) for name, count in calls.items()]
    return tuple(sorted(rows, key=lambda row: -row.time))
