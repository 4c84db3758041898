"""One experiment from its opened run to its result; the same function here and in the cloud."""

from __future__ import annotations

import attrs

from mabe_core.errors import MabeError, RunError
from mabe_core.exchange import Dataset, Partition
from mabe_core.redaction import redacted
from mabe_core.runs.changes import auto_changes, check_partition_is_as_before
from mabe_core.runs.checkpoints import Checkpoint, newest_checkpoint
from mabe_core.runs.directory import RunDirectory
from mabe_core.runs.model_input import model_input
from mabe_core.runs.opening import OpenedRun
from mabe_core.runs.record import Record, State
from mabe_core.training.assembling import assemble, auto_values
from mabe_core.training.companions import companions
from mabe_core.training.events import Began, Ended, Observer, Warned, unobserved
from mabe_core.training.held_out import best_checkpoint, score_held_out
from mabe_core.training.interruption import Interrupted, StopRequest
from mabe_core.training.processes import Processes
from mabe_core.training.saving import Saver
from mabe_core.training.scoring import Scorer
from mabe_core.training.state import restore


def train(
    opened: OpenedRun,
    observe: Observer = unobserved,
    stop_request: StopRequest | None = None,
    *,
    lent: int = 1,
) -> Record:
    """Train until the experiment is finished, from its last whole checkpoint on; return its record.

    stop_request: through which others than signals can ask to stop. lent: how many processes train it where
    the experiment does not say.
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
            with companions(opened, opened.experiment.processes or lent) as processes:
                _train(opened, observe, stop, processes)
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


def _train(opened: OpenedRun, observe: Observer, stop: StopRequest, processes: Processes) -> None:
    best, scorer, dataset, partition = _learn(opened, observe, stop, processes)
    processes.leave()
    scores = score_held_out(
        opened.run,
        opened.experiment,
        best,
        scorer,
        dataset,
        partition,
        notice=partition.notice,
        observe=observe,
        check=lambda _: stop.check("while the recordings held out were scored"),
    )
    opened.record.held_out = scores.pooled[scores.held_out]


def _learn(
    opened: OpenedRun, observe: Observer, stop: StopRequest, processes: Processes
) -> tuple[Checkpoint, Scorer, Dataset, Partition]:
    """Train to the end; return the best checkpoint, its model, and what is to be scored with it.

    Features are not in memory any more after that: scoring computes them as it goes.
    """
    experiment, run, record = opened.experiment, opened.run, opened.record
    ready = assemble(experiment, opened.access, processes, observe, stop)
    check_partition_is_as_before(record, experiment.data.split.name, ready.parted)
    record.partition = ready.parted
    record.report = ready.report.as_dict()
    record.notice = " ".join(told for told in (ready.partition.notice, ready.data.notice) if told)
    auto = auto_values(ready.step, ready.data, ready.device, ready.precision)
    record.model_input = attrs.asdict(
        model_input(experiment.data, ready.dataset, ready.data.shape.input_names)
    )
    opened.keep()
    checkpoint = _last(run, observe)
    changes = auto_changes(record.auto, auto)
    for change in changes:
        observe(Warned(f"not the same hardware as before, results may differ: {change}"))
    if changes:
        step = checkpoint.state["step"] if checkpoint else 0  # the record may not have come that far
        record.changes = [*record.changes, {"step": step, "hardware": changes}]
    record.auto = auto
    ready.meet()
    with Saver(run, record, ready.step, ready.progress, experiment.checkpoint, observe) as saver:
        _begin(saver, checkpoint)
        del checkpoint  # as large as the model and its optimizer's state
        parts = ready.step.parts
        observe(
            Began(
                parameters=sum(parameter.numel() for parameter in parts.model.parameters()),
                epochs=parts.schedule.epochs,
                steps_per_epoch=parts.schedule.steps_per_epoch,
                step=ready.progress.step,
                monitor=record.monitor,
                auto=record.auto,
            )
        )
        record.stopped_early = ready.loop(saver, observe, stop).run()
    best = best_checkpoint(run)
    model = ready.step.end(best.model)
    scorer = Scorer(
        model, experiment.data, ready.data.shape, ready.device, ready.precision.weights, tell=ready.tell
    )
    return best, scorer, ready.dataset, ready.partition


def _last(run: RunDirectory, observe: Observer) -> Checkpoint | None:
    """Return the last whole checkpoint, if there is one; tell of damaged ones."""
    checkpoint, damage = newest_checkpoint(run.checkpoints)
    for told in damage:
        observe(Warned(told))
    if damage:
        several = "checkpoints are" if len(damage) > 1 else "checkpoint is"
        instead = f"{checkpoint.name} is used" if checkpoint else "none is left: training starts again"
        observe(Warned(f"{len(damage)} {several} damaged; {instead}"))
    return checkpoint


def _begin(saver: Saver, checkpoint: Checkpoint | None) -> None:
    """Go on from a checkpoint, all processes from the same one, or begin."""
    saver.step.processes.told(checkpoint.name if checkpoint else "")
    if checkpoint is not None:
        restore(saver.step, saver.progress, checkpoint)
        saver.settle()
    else:
        saver.record.epoch, saver.record.step, saver.record.best = 0, 0, None
        saver.record.save(saver.run)
    saver.run.cut_epochs(saver.progress.step // saver.step.parts.schedule.steps_per_epoch)
