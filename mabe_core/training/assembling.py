"""Everything that a training is made of, built from its experiment; the same in each of its processes."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import torch

from mabe_core.data.fingerprint import partition_fingerprint
from mabe_core.data.report import ImportReport, import_report
from mabe_core.errors import Problem, UserError
from mabe_core.exchange import DataAccess, Dataset, Partition
from mabe_core.experiment import Experiment
from mabe_core.experiment.schema import Training
from mabe_core.training.average import Average, optimizer_of
from mabe_core.training.captured_forward import inferring
from mabe_core.training.checks import check_outputs
from mabe_core.training.choosing import choose_step
from mabe_core.training.events import DataRead, Observer, Warned
from mabe_core.training.inputs import TrainingData, prepare
from mabe_core.training.interruption import StopRequest
from mabe_core.training.loop import Loop
from mabe_core.training.parts import build_parts
from mabe_core.training.placing import Placing
from mabe_core.training.precision import Precision, find_precision
from mabe_core.training.processes import ALONE, Processes, digest_of
from mabe_core.training.reading import read_data
from mabe_core.training.saving import Saving
from mabe_core.training.skipping import Skipping
from mabe_core.training.state import Progress
from mabe_core.training.step import Forward, Step
from mabe_core.training.validation import windows_at_once


@attrs.frozen(eq=False)
class Assembled:
    """A training that has not begun. parted: the fingerprint of the parts that the data is split into."""

    experiment: Experiment
    processes: Processes
    device: torch.device
    precision: Precision
    dataset: Dataset
    partition: Partition
    parted: str
    report: ImportReport
    data: TrainingData
    progress: Progress
    step: Step
    tell: Callable[[str], None]

    def meet(self) -> None:
        """Join the other processes, and see that all are about to train the same.

        Raises RunError where a plugin gives something else in each.
        """
        self.processes.meet(self.device)
        if not self.processes.alone:
            self.processes.check_alike("parts of the data", self.parted)
            self.processes.check_alike("first weights", digest_of(self.step.state()[0].values()))

    def loop(self, save: Saving, observe: Observer, stop: StopRequest) -> Loop:
        """Return the loop that trains it from wherever its progress stands."""
        training = self.experiment.training
        return Loop(
            step=self.step,
            data=self.data,
            progress=self.progress,
            seed=self.experiment.seed,
            monitor=training.monitor,
            observe=observe,
            save=save,
            stop=stop,
            early_stopping=training.early_stopping,
            forward=self._inferring(),
        )

    def _inferring(self) -> Forward:
        """Return the model as validation calls it: captured where steps may be."""
        forward, model = self.step.forward, self.step.parts.model
        if self.experiment.step == "plain":
            return forward
        return inferring(forward, model, self.device, windows_at_once(self.data.shape), self.tell)


def auto_values(
    step: Step, data: TrainingData, device: torch.device, precision: Precision
) -> dict[str, object]:
    """Return what each `auto` became, and what else the data and the machine decided."""
    schedule = step.parts.schedule
    return {
        "device": str(device) if step.processes.alone else device.type,
        "device_name": torch.cuda.get_device_name(device) if device.type == "cuda" else "",
        "processes": step.processes.count,
        "precision": precision.name,
        "step": step.how,
        "data": data.feed.how,
        "windows_per_epoch": schedule.windows_per_epoch,
        "steps_per_epoch": schedule.steps_per_epoch,
        "input_dim": data.shape.input_dim,
        "class_names": list(data.shape.class_names),
        "threads": torch.get_num_threads(),
    }


def assemble(
    experiment: Experiment, access: DataAccess, processes: Processes, observe: Observer, stop: StopRequest
) -> Assembled:
    """Read the data, build the parts, choose how steps are executed.

    Raises UserError where experiment, data and machine do not fit, Interrupted where it was asked to stop.
    """
    device = find_device(experiment.device, processes)
    _share_threads(experiment, device, processes)
    precision = find_precision(experiment.training.precision, device)
    dataset, partition = read_data(experiment, access)
    report = import_report(dataset, partition)
    observe(DataRead(tuple(report.lines())))
    stop.check("before training")
    data = prepare(
        experiment.data,
        dataset,
        partition,
        dtype=precision.weights,
        device=device,
        placing=Placing.of(experiment, device),
    )

    def tell(message: str) -> None:
        observe(Warned(message))

    if data.placed:
        tell(data.placed)
    parts = build_parts(experiment, data, dtype=precision.weights, device=device)
    check_outputs(experiment, parts, data)
    progress = Progress(0, torch.zeros((), dtype=torch.float64, device=device))
    if experiment.training.on_nan == "skip":
        progress.skipping = Skipping.on(device)
        parts = attrs.evolve(parts, loss=progress.skipping.guard_loss(parts.loss))
    step = choose_step(experiment, parts, data, precision, device, tell, processes)
    _follow_updates(experiment.training, step, progress)
    stop.check("before training")
    return Assembled(
        experiment=experiment,
        processes=processes,
        device=device,
        precision=precision,
        dataset=dataset,
        partition=partition,
        parted=partition_fingerprint(dataset, partition),
        report=report,
        data=data,
        progress=progress,
        step=step,
        tell=tell,
    )


def _follow_updates(training: Training, step: Step, progress: Progress) -> None:
    """Let what the experiment asks for look at each update of the weights."""
    if progress.skipping is not None:
        progress.skipping.guard(optimizer_of(step))
    if training.ema_decay is not None:
        progress.average = Average.of(step, training.ema_decay)


def _share_threads(experiment: Experiment, device: torch.device, processes: Processes) -> None:
    if experiment.threads is not None:
        torch.set_num_threads(experiment.threads)
    elif device.type == "cpu" and not processes.alone:
        torch.set_num_threads(max(torch.get_num_threads() // processes.count, 1))


def find_device(asked: str, processes: Processes = ALONE) -> torch.device:
    """Return the device of this process; `auto` is cuda if there is one, and each process has its own.

    Raises UserError where it is not to be had.
    """
    found = torch.cuda.device_count()
    if asked == "auto":
        asked = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(asked)
    if processes.alone:
        if device.type == "cuda" and (device.index or 0) >= found:
            raise UserError(
                Problem(f"{asked} is asked for, but torch finds {found} CUDA devices", path="device")
            )
        if device.type == "mps" and not torch.backends.mps.is_available():
            raise UserError(Problem("mps is asked for, but torch finds no Apple GPU", path="device"))
        return device
    if device.type == "mps" or ":" in asked:
        raise UserError(
            Problem(
                f"{asked} is one device, for {processes.count} processes. Say cuda or cpu, or processes=1",
                path="device",
            )
        )
    if device.type == "cpu":
        return device
    if processes.count > found:
        raise UserError(
            Problem(
                f"{processes.count} are asked for, but torch finds {found} CUDA devices", path="processes"
            )
        )
    return torch.device("cuda", processes.rank)
