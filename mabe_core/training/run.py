"""One experiment from its opened run to its result; the same function here and in the cloud."""

from __future__ import annotations

from typing import Any

import torch

from mabe_core.data.report import import_report
from mabe_core.data.windows import WindowShape
from mabe_core.errors import MabeError, Problem, UserError
from mabe_core.exchange import SplitContext
from mabe_core.runs.checkpoints import newest_checkpoint, prune, write_checkpoint
from mabe_core.runs.files import write_json
from mabe_core.runs.opening import OpenedRun
from mabe_core.runs.record import Record
from mabe_core.training.events import Began, DataRead, Observer, Saved, unobserved
from mabe_core.training.inputs import prepare
from mabe_core.training.interruption import Interrupted, StopRequest
from mabe_core.training.loop import Loop
from mabe_core.training.parts import build_parts
from mabe_core.training.state import Progress, capture, restore


def train(opened: OpenedRun, observe: Observer = unobserved) -> Record:
    """Train until the experiment is finished, from its last whole checkpoint on; return its record.

    Raises Interrupted after saving where a signal asked to stop, UserError where experiment and data do not
    fit, RunError where training fails. The record tells which. A new run is kept from the moment that
    experiment and data are known to fit.
    """
    run, record = opened.run, opened.record
    with run.held(), StopRequest().listening() as stop:
        record.state = "running"
        record.attempts += 1
        record.failure = ""
        if opened.state == "resumed":
            record.save(run)
        try:
            _train(opened, observe, stop)
        except Interrupted:
            record.state = "interrupted"
            record.save(run)
            raise
        except BaseException as error:
            record.state = "failed"
            record.failure = (
                str(error) if isinstance(error, MabeError) else f"{type(error).__name__}: {error}"
            )
            if run.record.exists():
                record.save(run)
            raise
        record.state = "finished"
        record.save(run)
    return record


def _train(opened: OpenedRun, observe: Observer, stop: StopRequest) -> None:
    experiment, run, record = opened.experiment, opened.run, opened.record
    device = find_device(experiment.device)
    dtype = torch.float64 if experiment.training.precision == "float64" else torch.float32
    dataset = experiment.data.dataset.build(opened.access)
    window = WindowShape(experiment.data.sequence_length, experiment.data.frame_gap)
    split = experiment.data.split.build()
    partition = split(dataset.recordings, SplitContext(window.span, experiment.seed, dataset.classes))
    report = import_report(dataset, partition)
    record.report, record.notice = report.as_dict(), partition.notice
    observe(DataRead(tuple(report.lines())))
    data = prepare(experiment.data, dataset, partition, dtype=dtype, device=device)
    parts = build_parts(experiment, data, dtype=dtype, device=device)
    progress = Progress(0, torch.zeros((), dtype=torch.float64, device=device))
    checkpoint, damage = newest_checkpoint(run.checkpoints)
    for told in damage:
        observe(Saved("", f"{told}; the checkpoint before it is used"))
    if checkpoint is not None:
        restore(parts, progress, checkpoint)
    opened.keep()
    run.cut_epochs(progress.step // parts.schedule.steps_per_epoch)
    record.auto = {
        "device": str(device),
        "precision": str(dtype).removeprefix("torch."),
        "windows_per_epoch": parts.schedule.windows_per_epoch,
        "steps_per_epoch": parts.schedule.steps_per_epoch,
        "input_dim": data.shape.input_dim,
        "class_names": list(data.shape.class_names),
        "threads": torch.get_num_threads(),
    }
    record.save(run)
    parameters = sum(parameter.numel() for parameter in parts.model.parameters())
    observe(
        Began(parameters, parts.schedule.epochs, parts.schedule.steps_per_epoch, progress.step, record.auto)
    )

    def save(line: dict[str, Any] | None, best: bool) -> None:
        if line is not None:
            run.append_epoch(line)
        written = write_checkpoint(run.checkpoints, capture(parts, progress)).name
        steps = parts.schedule.steps_per_epoch
        record.epoch, record.step = progress.step // steps, progress.step
        why = f"after epoch {record.epoch}" if line is not None else f"in epoch {record.epoch + 1}"
        write_json(
            run.last, {"checkpoint": written, "epoch": record.epoch, "step": progress.step, "why": why}
        )
        if best and line is not None:
            record.best = line[f"val_{record.monitor}"]
            why = f"best {record.monitor} on validation: {record.best:.4f}"
            write_json(
                run.best,
                {
                    "checkpoint": written,
                    "epoch": record.epoch,
                    "step": progress.step,
                    "score": record.best,
                    "why": why,
                },
            )
        record.save(run)
        prune(run.checkpoints, _kept(opened, progress, steps, written))
        observe(Saved(written, why))

    Loop(
        parts=parts,
        data=data,
        progress=progress,
        seed=experiment.seed,
        grad_clip=experiment.training.grad_clip,
        monitor=experiment.training.monitor,
        observe=observe,
        save=save,
        stop=stop,
    ).run()


def _kept(opened: OpenedRun, progress: Progress, steps_per_epoch: int, last: str) -> set[str]:
    """Return the names of the checkpoints that stay: the last, the best, and one every so many epochs."""
    kept = {last}
    if progress.best is not None:
        kept.add(f"step-{progress.best['step']:08d}")
    every = opened.experiment.checkpoint.every_epochs
    if every is not None:
        stride = every * steps_per_epoch
        kept |= {f"step-{step:08d}" for step in range(stride, progress.step + 1, stride)}
    return kept


def find_device(asked: str) -> torch.device:
    """Return the device that was asked for; `auto` is cuda if there is one.

    Raises UserError where it is not to be had.
    """
    if asked == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(asked)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        found = torch.cuda.device_count()
        raise UserError(Problem(f"{asked} is asked for, but torch finds {found} CUDA devices", path="device"))
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise UserError(Problem("mps is asked for, but torch finds no Apple GPU", path="device"))
    return device
