"""Trains small steps in several processes at once, for tests of what they do together."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.distributed as dist

from mabe_core.training.processes import Processes
from mabe_core.training.shares import shares
from mabe_core.training.state import capture, restore
from mabe_core.training.step import PlainStep, Step
from mabe_core.training.whole_step import WholeStep
from tests.training.stepping import CPU, FLOAT64, experiment_of, fresh, parts_of, train


def losses(
    kind: str, folder: Path, settings: tuple[str, ...], steps: int, processes: Processes, cut: int = 0
) -> list[float]:
    """Return the losses of the first steps; cut: after which step all is saved and built anew from that."""
    experiment = experiment_of(folder, *settings)
    given: list[float] = []
    saved = None
    for part in (cut, steps - cut):
        parts, data = parts_of(experiment, FLOAT64, CPU)
        clip, accumulate = experiment.training.grad_clip, experiment.accumulate
        step: Step = PlainStep(parts, data, clip, FLOAT64, CPU, accumulate, processes)
        if kind == "whole":
            step = WholeStep(experiment, parts, data, FLOAT64, CPU, processes=processes)
        progress = fresh(CPU)
        if saved is not None:
            restore(step, progress, saved)
        else:
            processes.draw_apart()
        given += train(step, data, progress, part)
        saved = capture(step, progress)
        saved.training.update(_from_first(saved.training, processes))
    return given


def _from_first(training: dict[str, torch.Tensor], processes: Processes) -> dict[str, torch.Tensor]:
    """Hand what the first process saved to the others, as files do in a run."""
    if processes.alone:
        return {}
    handed = [{k: v for k, v in training.items() if "generator" in k} if processes.leads else {}]
    dist.broadcast_object_list(handed, 0)
    return handed[0]


def one_of(rank: int, count: int, folder: str, words: tuple) -> None:
    """Be one of several processes; write its losses down."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=count)
    kind, settings, steps, cut = words
    own = Path(folder, str(rank))
    own.mkdir()
    given = losses(kind, own, settings, steps, Processes(count, rank), cut)
    torch.save(given, f"{folder}/losses{rank}.pt")
    dist.destroy_process_group()


def together(
    count: int, folder: Path, kind: str, settings: tuple[str, ...], steps: int, cut: int = 0
) -> list[list[float]]:
    """Return the losses that each of several processes has."""
    folder.mkdir()
    words = (kind, settings, steps, cut)
    torch.multiprocessing.spawn(one_of, (count, str(folder), words), nprocs=count)
    return [torch.load(folder / f"losses{rank}.pt") for rank in range(count)]


def lanes(size: int, accumulate: int, count: int) -> list[list[list[int]]]:
    """Return the places that each process scores, by part of the batch."""
    each = [shares(size, accumulate, Processes(count, rank), CPU) for rank in range(count)]
    return [[share.lane.tolist() for share in parts] for parts in zip(*each, strict=True)]
