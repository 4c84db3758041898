"""Steps a second of V3's training on a GPU or a CPU, beside how others would train the same.

    python -m benchmarks.training_speed [--batch 16 512] [--rounds 3] [--set KEY=VALUE …] [--json OUT]
    python -m benchmarks.training_speed --profile [--batch 16] [--only 'not compiled']

Everybody trains the same model on the same windows in one process, in turn. mabe's figure is its real loop's:
dataset, features, shuffling, learning rate schedule and running loss are in it, validation beside it.
--profile measures nobody else: it prints which kernels our step runs, and how long each takes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch

from benchmarks.in_turn import in_turn, keep, options_of_v3, print_summary, summary
from benchmarks.peers import PEERS, Work
from benchmarks.step_profile import profile_steps
from mabe_core.discovery import load_plugins
from mabe_core.errors import UserError
from mabe_core.exchange import DataAccess
from mabe_core.experiment import Experiment, read_document, resolve
from mabe_core.training.assembling import find_device
from mabe_core.training.blame import build_at
from mabe_core.training.choosing import choose_step
from mabe_core.training.events import EpochEnded
from mabe_core.training.inputs import TrainingData, prepare
from mabe_core.training.interruption import StopRequest
from mabe_core.training.loop import Loop
from mabe_core.training.parts import build_parts
from mabe_core.training.precision import find_precision
from mabe_core.training.reading import read_data
from mabe_core.training.saving import Unsaved
from mabe_core.training.state import Progress

EXPERIMENT = Path(__file__).parent.parent / "experiments" / "v3_transformer.yaml"
OURS = {
    "mabe, fp32": ("training.precision=float32", "compile=never"),
    "mabe, not compiled": ("compile=never",),
    "mabe": ("compile=always",),
}
UNIT = "steps/s"
# steps measured of a peer, and of ours on a CPU; windows and least steps of ours on a GPU
FEW, WINDOWS, LEAST = 150, 32_000, 300
# steps before a profile, in which a step is compiled and captured, and those profiled; on a GPU, on a CPU
PROFILED = {"cuda": (40, 80), "cpu": (2, 8)}


def experiment_for(batch: int, steps: int, settings: Sequence[str]) -> Experiment:
    """Return V3's experiment, two epochs of so many steps: the first compiles and captures."""
    sized = (
        "training.epochs=2",
        f"training.batch_size={batch}",
        f"training.windows_per_epoch={batch * steps}",
    )
    return resolve(read_document(EXPERIMENT, (*sized, *settings)), load_plugins())


def data_for(experiment: Experiment, device: torch.device) -> TrainingData:
    """Generate and lay out the data once, for everybody."""
    dataset, partition = read_data(experiment, DataAccess(()))
    return prepare(experiment.data, dataset, partition, dtype=torch.float32, device=device)


def our_speed(experiment: Experiment, data: TrainingData, device: torch.device) -> float:
    """Train two epochs with the engine; return steps a second of the second."""
    precision = find_precision(experiment.training.precision, device)
    parts = build_parts(experiment, data, dtype=torch.float32, device=device)
    told: list[str] = []
    step = choose_step(experiment, parts, data, precision, device, told.append)
    speeds: list[float] = []

    def observe(event: object) -> None:
        if isinstance(event, EpochEnded):
            speeds.append(event.metrics["steps_per_second"])

    Loop(
        step=step,
        data=data,
        progress=Progress(0, torch.zeros((), dtype=torch.float64, device=device)),
        seed=experiment.seed,
        monitor="macro_f1",
        observe=observe,
        save=Unsaved(observe),
        stop=StopRequest(),
    ).run()
    if told:
        raise UserError("; ".join(told))
    return speeds[-1]


def measure(
    batch: int, rounds: int, device: torch.device, only: list[str], settings: list[str]
) -> dict[str, list[float]]:
    """Return the speeds of everybody, round by round."""
    steps = max(WINDOWS // batch, LEAST) if device.type == "cuda" else FEW
    ours = ours_on(device, batch, steps, settings)
    experiment = next(iter(ours.values()))
    data = data_for(experiment, device)
    work = Work(lambda: build_at("model", experiment.model, data.shape), data, device, batch, FEW)
    contenders = {name: partial(speed_of, peer, work) for name, peer in PEERS.items()}
    contenders |= {
        name: partial(speed_of, our_speed, experiment, data, device) for name, experiment in ours.items()
    }
    return in_turn(contenders, rounds, UNIT, only)


def speed_of(measured: Callable[..., float], *what: object) -> float:
    """Return steps a second, and leave the GPU's memory to the next."""
    speed = measured(*what)
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return speed


def ours_on(device: torch.device, batch: int, steps: int, settings: list[str]) -> dict[str, Experiment]:
    """Return what of ours is measured on a device."""
    ours = {name: experiment_for(batch, steps, (*settings, *how)) for name, how in OURS.items()}
    return ours if device.type != "cpu" else {"mabe": ours["mabe, fp32"]}


def print_profiles(batch: int, device: torch.device, only: list[str], settings: list[str]) -> None:
    """Print what our step consists of, in each of the ways that it can be executed."""
    warm_up, steps = PROFILED[device.type]
    for name, experiment in ours_on(device, batch, warm_up + 2 * steps, settings).items():
        if only and not any(word in name for word in only):
            continue
        data = data_for(experiment, device)
        found = profile_steps(experiment, data, device, warm_up=warm_up, steps=steps)
        print(f"batch {batch}, {name}", *found.lines(), "", sep="\n", flush=True)


def main() -> None:
    parser = options_of_v3(__doc__, 3)
    parser.add_argument("--batch", type=int, nargs="+", default=[16, 512])
    parser.add_argument(
        "--profile", action="store_true", help="print kernels a step and time by kernel of ours"
    )
    asked = parser.parse_args()
    device = find_device(asked.device)
    torch.manual_seed(0)
    if asked.profile:
        for batch in asked.batch:
            print_profiles(batch, device, asked.only, asked.set)
        return
    figures = {}
    for batch in asked.batch:
        print(f"batch {batch}", flush=True)
        found = summary(measure(batch, asked.rounds, device, asked.only, asked.set), "mabe", UNIT)
        print_summary(found, "mabe", UNIT)
        figures[f"batch {batch}"] = found
    keep(asked, figures)


if __name__ == "__main__":
    main()
