"""Kills trainings at random moments, over and over, until they are finished; compares the ends bit by bit.

    python -m soak.training [--kills 1000] [--json OUT]

A training with shuffling, dropout, augmentation, a moving average, a scheduler that watches scores and early
stopping saves every second step. A forked process trains; some steps on, after a random time, it is killed by
SIGKILL, and another goes on, five and more of them within one epoch. At the end every tensor of the last
checkpoint and every line of metrics.jsonl must equal those of a training that nobody disturbed.
"""

from __future__ import annotations

import importlib
import os
import random
import signal
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

import attrs

from mabe_core.discovery import load_plugins
from mabe_core.exchange import DataAccess
from mabe_core.experiment import Experiment, read_document, resolve
from mabe_core.registry import Registry
from mabe_core.runs.checkpoints import newest_checkpoint
from mabe_core.runs.directory import RunDirectory
from mabe_core.runs.opening import open_run
from mabe_core.runs.record import read_record
from mabe_core.training.events import Event, Saved
from mabe_core.training.run import train
from soak.telling import parser, tell
from soak.writer import ANNOUNCEMENT

FILE = Path(__file__).with_name("experiment.yaml")
# a process lives until it has saved so many times, at most, and a little longer: about three steps
MOST_SAVES, LONGER = 5, 0.05


@attrs.frozen
class Soaked:
    """An experiment that is trained again and again."""

    experiment: Experiment
    registry: Registry

    def train(self, runs_dir: Path, pipe: int | None = None) -> None:
        """Train what is missing; announce each checkpoint through a pipe."""

        def observe(event: Event) -> None:
            if isinstance(event, Saved) and pipe is not None:
                os.write(pipe, ANNOUNCEMENT.pack(int(event.checkpoint.removeprefix("step-"))))

        train(open_run(self.experiment, self.registry, runs_dir, DataAccess(())), observe)


def forked(soaked: Soaked, runs_dir: Path, saves: int | None, longer: float) -> tuple[bool, int]:
    """Train in a process of its own, killed after so many checkpoints and some seconds.

    Returns whether it was killed, and the last step that it announced.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            soaked.train(runs_dir, writing)
            status = 0
        except Exception:
            traceback.print_exc()
            raise
        finally:
            os._exit(status)
    os.close(writing)
    last, left = 0, saves
    while left != 0 and (told := os.read(reading, ANNOUNCEMENT.size)):
        last = int(ANNOUNCEMENT.unpack(told)[0])
        left = left and left - 1
    if left == 0:
        time.sleep(longer)
        os.kill(child, signal.SIGKILL)
    _, raw = os.waitpid(child, 0)
    while told := os.read(reading, ANNOUNCEMENT.size):
        last = int(ANNOUNCEMENT.unpack(told)[0])
    os.close(reading)
    code = os.waitstatus_to_exitcode(raw)
    assert code in (0, -signal.SIGKILL), f"the training ended with {code}"
    return code != 0, last


def end(runs_dir: Path) -> tuple[dict[str, bytes], list[Any]]:
    """Return the bits of the last checkpoint, and what the lines of its epochs say."""
    (path,) = runs_dir.iterdir()
    run = RunDirectory(path)
    record = read_record(run)
    assert record is not None
    assert record.state == "finished", record.state
    found, damage = newest_checkpoint(run.checkpoints)
    assert found is not None, damage
    tensors = {
        f"{part} {name}": tensor.numpy().tobytes()
        for part, those in (("model", found.model), ("training", found.training))
        for name, tensor in those.items()
    }
    timed = ("seconds", "steps_per_second")
    return tensors, [{k: v for k, v in line.items() if k not in timed} for line in run.epochs()]


def compare(one: tuple[dict[str, bytes], list[Any]], other: tuple[dict[str, bytes], list[Any]]) -> list[str]:
    """Return where two ends differ."""
    names = {*one[0], *other[0]}
    told = [f"{name} differs" for name in sorted(names) if one[0].get(name) != other[0].get(name)]
    return told + ([] if one[1] == other[1] else ["metrics.jsonl differs"])


def chain(soaked: Soaked, runs_dir: Path, chance: random.Random, most: int) -> tuple[list[int], list[str]]:
    """Train with kills until it is finished; return the steps announced before each, and what went wrong."""
    kills: list[int] = []
    wrong: list[str] = []
    announced = 0
    while True:
        saves = chance.randrange(1, MOST_SAVES) if len(kills) < most else None
        killed, last = forked(soaked, runs_dir, saves, chance.random() * LONGER)
        announced = max(announced, last)
        (path,) = runs_dir.iterdir()
        found, damage = newest_checkpoint(path / "checkpoints")
        wrong += damage
        if found is None or found.state["step"] < announced:
            wrong.append(f"step {announced} was announced, but the newest is {found and found.name}")
        if not killed:
            return kills, wrong
        kills.append(announced)


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--kills", type=int, default=1000)
    asked = options.parse_args()
    began, chance = time.monotonic(), random.Random(asked.seed)
    importlib.import_module("torch._dynamo")  # which an optimizer imports: here once for all processes
    document, registry = read_document(FILE), load_plugins()
    a_epoch = 40
    wrong: list[str] = []
    killed = trainings = fives = 0
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        while killed < asked.kills:
            experiment = resolve(document, registry)
            soaked = Soaked(attrs.evolve(experiment, seed=chance.randrange(1 << 30)), registry)
            forked(soaked, Path(folder) / f"{trainings}-whole", None, 0.0)
            runs_dir = Path(folder) / f"{trainings}-killed"
            kills, told = chain(soaked, runs_dir, chance, asked.kills - killed)
            told += compare(end(runs_dir), end(Path(folder) / f"{trainings}-whole"))
            wrong += [f"training {trainings}: {each}" for each in told]
            killed += len(kills)
            trainings += 1
            epochs = [step // a_epoch for step in kills]
            fives += sum(epochs.count(epoch) >= 5 for epoch in set(epochs))
            print(f"{killed} kills, {trainings} trainings, {len(wrong)} faults", flush=True)
    tell(
        {"kills": killed, "trainings": trainings, "epochs with five kills or more": fives, "faults": wrong},
        began,
        asked.json,
    )


if __name__ == "__main__":
    main()
