"""What is soaked: checkpoints and the small files beside them, written over and over as a run writes them."""

from __future__ import annotations

import os
import struct
from pathlib import Path

from mabe_core.runs.checkpoints import (
    Checkpoint,
    DamagedCheckpointError,
    checkpoint_names,
    newest_checkpoint,
    prune,
    read_checkpoint,
    read_pointer,
    write_checkpoint,
)
from mabe_core.runs.directory import RunDirectory
from mabe_core.runs.files import write_json

ANNOUNCEMENT = struct.Struct("q")


def made(step: int, numbers: int = 3000) -> Checkpoint:
    """Return a checkpoint whose every tensor says which step it is of."""
    import torch

    return Checkpoint(
        {"weight": torch.full((numbers,), float(step)), "bias": torch.full((7,), float(step))},
        {"momentum": torch.full((2 * numbers,), -float(step))},
        {"step": step, "epoch": step, "ranking": [{"score": step / 7, "epoch": step, "step": step}]},
    )


def laid_out(folder: Path) -> RunDirectory:
    """Return a run directory with nothing in it."""
    run = RunDirectory(folder / "soaked-0123456789")
    run.make()
    return run


def write(run: RunDirectory, step: int) -> None:
    """Write one checkpoint as a run does: the checkpoint, which is last, then what is no longer kept goes."""
    write_checkpoint(run.checkpoints, made(step))
    point(run, step)
    prune(run.checkpoints, [f"step-{each:08d}" for each in (step, step - 1)])


def point(run: RunDirectory, step: int) -> None:
    """Let last.json say which checkpoint is the last."""
    pointer = {"checkpoint": made(step).name, "epoch": step, "step": step, "why": f"step {step}"}
    write_json(run.last, pointer)


def write_on(run: RunDirectory, first: int, announce: int, steps: int = 1 << 30) -> None:
    """Write one after another, and announce each through a pipe once it is on disk.

    First last.json is mended, as a run that goes on does.
    """
    if first > 1:
        point(run, first - 1)
    for step in range(first, first + steps):
        write(run, step)
        os.write(announce, ANNOUNCEMENT.pack(step))


def announced(pipe: int) -> int:
    """Return the last step that a pipe, whose writer has ended, announced; 0 for none."""
    content = b""
    while part := os.read(pipe, 1 << 16):
        content += part
    whole = len(content) // ANNOUNCEMENT.size * ANNOUNCEMENT.size
    return ANNOUNCEMENT.unpack(content[whole - ANNOUNCEMENT.size : whole])[0] if whole else 0


def faults(run: RunDirectory, least: int, pointed: int) -> list[str]:
    """Return what is wrong with a run whose writer was ended.

    least: the last step that any writer announced. pointed: the last that this one did, so that last.json
    names it or the one after it.
    """
    told = []
    for name in checkpoint_names(run.checkpoints):
        try:
            read_checkpoint(run.checkpoints / name)
        except DamagedCheckpointError as error:
            told.append(str(error))
    found, _ = newest_checkpoint(run.checkpoints)
    step = found.state["step"] if found else 0
    if step < least:
        told.append(f"step {least} was announced, but the newest is {step}")
    if found is not None:
        for name, tensor in {**found.model, **found.training}.items():
            if not (tensor.abs() == step).all():
                told.append(f"{name} of step {step} is of another step")
    pointer = read_pointer(run.last)
    if pointed and (pointer is None or not pointed <= pointer["step"] <= step):
        told.append(f"last.json says {pointer}, beside step {step}")
    return told
