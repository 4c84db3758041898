"""One experiment from its opened run to its result; the same function here and in the cloud."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import torch

from mabe_core.data.fingerprint import partition_fingerprint
from mabe_core.data.report import import_report
from mabe_core.errors import MabeError, Problem, RunError, UserError
from mabe_core.experiment import Experiment
from mabe_core.redaction import redacted
from mabe_core.runs.changes import auto_changes, check_partition_is_as_before
from mabe_core.runs.checkpoints import newest_checkpoint
from mabe_core.runs.model_input import model_input
from mabe_core.runs.opening import OpenedRun
from mabe_core.runs.record import Record, State
from mabe_core.training.average import Average, optimizer_of
from mabe_core.training.captured_forward import inferring
from mabe_core.training.checks import check_outputs
from mabe_core.training.choosing import choose_step
from mabe_core.training.events import Began, DataRead, Ended, Observer, Warned, unobserved
from mabe_core.training.held_out import best_checkpoint, score_held_out
from mabe_core.training.inputs import TrainingData, prepare
from mabe_core.training.interruption import Interrupted, StopRequest
from mabe_core.training.loop import Loop
from mabe_core.training.parts import build_parts
from mabe_core.training.placing import Placing
from mabe_core.training.precision import Precision, find_precision
from mabe_core.training.reading import read_data
from mabe_core.training.saving import Saver
from mabe_core.training.scoring import Scorer
from mabe_core.training.skipping import Skipping
from mabe_core.training.state import Progress, restore
from mabe_core.training.step import Forward, Step
from mabe_core.training.validation import windows_at_once


def train(
    opened: OpenedRun, observe: Observer = unobserved, stop_request: StopRequest | None = None
) -> Record:
    """Train until the experiment is finished, from its last whole checkpoint on; return its record.

    stop_request: through which others than signals can ask to stop.
    Raises Interrupted after saving where it was asked to stop, UserError where experiment and data do not
    fit, RunError where training fails. The record tells which. A new run is kept from the moment that
    experiment and data are known to fit.
    """
    with opened.held(), (stop_request or StopRequest()).listening() as stop:
        known = len(opened.notes)
        opened.refresh()
        for note in opened.notes[known:]:
            observe(Warned(note))
        if opened.state == "finished":
            return opened.record
        opened.record.state = "running"
        opened.record.attempts += 1
        opened.record.failure = ""
        opened.save()
        try:
            _train(opened, observe, stop)
        except (Exception, SystemExit) as error:
            told = str(error) if isinstance(error, MabeError) else f"{type(error).__name__}: {error}"
            stopped = isinstance(error, Interrupted)
            _end(opened, observe, "interrupted" if stopped else "failed", "" if stopped else told)
            raise
        except BaseException:  # what ends a run from outside: Ctrl-C, or the time limit of a container
            _end(opened, observe, "interrupted")
            raise
        _end(opened, observe, "finished")
    return opened.record


def _end(opened: OpenedRun, observe: Observer, state: State, failure: str = "") -> None:
    """Let the record say how it ended; what it failed of is not hidden by a record that cannot be written."""
    opened.record.state = state
    opened.record.failure = failure = redacted(failure)
    try:
        opened.save()
    except RunError as error:
        if state == "finished":
            raise
        observe(Warned(str(error)))
    observe(Ended(state, failure))


def _train(opened: OpenedRun, observe: Observer, stop: StopRequest) -> None:
    experiment, run, record = opened.experiment, opened.run, opened.record
    device = find_device(experiment.device)
    if experiment.threads is not None:
        torch.set_num_threads(experiment.threads)
    precision = find_precision(experiment.training.precision, device)
    dataset, partition = read_data(experiment, opened.access)
    report = import_report(dataset, partition)
    observe(DataRead(tuple(report.lines())))
    stop.check("before training")
    placing = Placing.of(experiment, device)
    data = prepare(
        experiment.data, dataset, partition, dtype=precision.weights, device=device, placing=placing
    )
    if data.placed:
        observe(Warned(data.placed))
    parts = build_parts(experiment, data, dtype=precision.weights, device=device)
    check_outputs(experiment, parts, data)
    progress = Progress(0, torch.zeros((), dtype=torch.float64, device=device))
    if experiment.training.on_nan == "skip":
        progress.skipping = Skipping.on(device)
        parts = attrs.evolve(parts, loss=progress.skipping.guard_loss(parts.loss))

    def tell(message: str) -> None:
        observe(Warned(message))

    step = choose_step(experiment, parts, data, precision, device, tell)
    if progress.skipping is not None:
        progress.skipping.guard(optimizer_of(step))
    if experiment.training.ema_decay is not None:
        progress.average = Average.of(step, experiment.training.ema_decay)
    stop.check("before training")
    parted = partition_fingerprint(dataset, partition)
    check_partition_is_as_before(record, experiment.data.split.name, parted)
    record.partition = parted
    record.report = report.as_dict()
    record.notice = " ".join(told for told in (partition.notice, data.notice) if told)
    auto = auto_values(step, data, device, precision)
    for change in auto_changes(record.auto, auto):
        observe(Warned(f"not the same hardware as before, results may differ: {change}"))
    record.auto = auto
    record.model_input = attrs.asdict(model_input(experiment.data, dataset, data.shape.input_names))
    opened.keep()
    with Saver(run, record, step, progress, experiment.checkpoint, observe) as saver:
        _resume(saver)
        parameters = sum(parameter.numel() for parameter in parts.model.parameters())
        observe(
            Began(
                parameters=parameters,
                epochs=parts.schedule.epochs,
                steps_per_epoch=parts.schedule.steps_per_epoch,
                step=progress.step,
                monitor=record.monitor,
                auto=record.auto,
            )
        )
        record.stopped_early = Loop(
            step=step,
            data=data,
            progress=progress,
            seed=experiment.seed,
            monitor=experiment.training.monitor,
            observe=observe,
            save=saver,
            stop=stop,
            early_stopping=experiment.training.early_stopping,
            forward=_inferring(experiment, step, data, device, tell),
        ).run()
    best = best_checkpoint(run)
    scores = score_held_out(
        run,
        experiment,
        best,
        Scorer(step.end(best.model), experiment.data, data.shape, device, precision.weights, tell=tell),
        dataset,
        partition,
        notice=partition.notice,
        observe=observe,
        check=lambda _: stop.check("while the recordings held out were scored"),
    )
    record.held_out = scores.pooled[scores.held_out]


def _inferring(
    experiment: Experiment, step: Step, data: TrainingData, device: torch.device, tell: Callable[[str], None]
) -> Forward:
    """Return the model as validation calls it: captured where steps may be."""
    if experiment.step == "plain":
        return step.forward
    return inferring(step.forward, step.parts.model, device, windows_at_once(data.shape), tell)


def _resume(saver: Saver) -> None:
    """Go on from the last whole checkpoint, if there is one; tell of damaged ones."""
    checkpoint, damage = newest_checkpoint(saver.run.checkpoints)
    for told in damage:
        saver.observe(Warned(told))
    if damage:
        several = "checkpoints are" if len(damage) > 1 else "checkpoint is"
        instead = f"{checkpoint.name} is used" if checkpoint else "none is left: training starts again"
        saver.observe(Warned(f"{len(damage)} {several} damaged; {instead}"))
    if checkpoint is not None:
        restore(saver.step, saver.progress, checkpoint)
        saver.settle()
    else:
        saver.record.epoch, saver.record.step, saver.record.best = 0, 0, None
        saver.record.save(saver.run)
    saver.run.cut_epochs(saver.progress.step // saver.step.parts.schedule.steps_per_epoch)


def auto_values(
    step: Step, data: TrainingData, device: torch.device, precision: Precision
) -> dict[str, object]:
    """Return what each `auto` became, and what else the data and the machine decided."""
    schedule = step.parts.schedule
    return {
        "device": str(device),
        "device_name": torch.cuda.get_device_name(device) if device.type == "cuda" else "",
        "precision": precision.name,
        "step": step.how,
        "data": data.feed.how,
        "windows_per_epoch": schedule.windows_per_epoch,
        "steps_per_epoch": schedule.steps_per_epoch,
        "input_dim": data.shape.input_dim,
        "class_names": list(data.shape.class_names),
        "threads": torch.get_num_threads(),
    }


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
