"""One of the other processes of a training: told what to train on standard input, doing as the first does.

The first line of standard input is the order. Its end, which also comes when the first process is gone,
however that one ended, ends this one at once: it saves nothing, so nothing is lost.
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from mabe_core.orders import read_order

if TYPE_CHECKING:
    import torch

    from mabe_core.exchange import DataAccess
    from mabe_core.experiment import Experiment
    from mabe_core.runs.directory import RunDirectory
    from mabe_core.training.processes import Processes


@attrs.frozen(kw_only=True)
class Order:
    """What such a process is to train, with whom, and where the checkpoints are that it goes on from."""

    sent: dict[str, Any]
    data_folders: list[str]
    run: str
    count: int
    rank: int
    address: str
    port: int


def backend(device: torch.device) -> str:
    """Return what processes talk by: NCCL between GPUs, gloo for what lies on the CPU."""
    return "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"


def main() -> int:
    """Follow the order to its end; return the exit status."""
    # what a plugin prints must not be taken for the word that this process is ready
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    order = Order(**read_order(lambda: os._exit(1)))
    import cattrs
    import torch
    import torch.distributed as dist
    from torch.distributed import TCPStore  # type: ignore[attr-defined] # not among the names it exports

    from mabe_core.errors import MabeError
    from mabe_core.exchange import DataAccess
    from mabe_core.redaction import redacted
    from mabe_core.runs.directory import RunDirectory
    from mabe_core.runs.sent import SentExperiment
    from mabe_core.training.interruption import Interrupted
    from mabe_core.training.processes import Processes

    def meet(device: torch.device) -> None:
        channel.write("ready\n")
        channel.flush()
        if device.type == "cuda":
            torch.cuda.set_device(device)
        store = TCPStore(order.address, order.port, order.count, is_master=False)
        dist.init_process_group(backend(device), store=store, rank=order.rank, world_size=order.count)

    try:
        experiment, _ = cattrs.structure(order.sent, SentExperiment).read()
        access = DataAccess(tuple(map(Path, order.data_folders)))
        follow(experiment, access, RunDirectory(Path(order.run)), Processes(order.count, order.rank, meet))
    except Interrupted:
        return 0
    except MabeError as error:
        print(redacted(str(error)), file=sys.stderr)
        return error.exit_code
    except Exception:  # noqa: BLE001 - told by the first process
        sys.stderr.write(redacted(traceback.format_exc()))
        return 1
    return 0


def follow(experiment: Experiment, access: DataAccess, run: RunDirectory, processes: Processes) -> None:
    """Train beside the first process until it says that training is over.

    Raises Interrupted where that one was asked to stop, UserError and RunError as `train` does.
    """
    from mabe_core.runs.checkpoints import read_checkpoint
    from mabe_core.training.assembling import assemble
    from mabe_core.training.events import unobserved
    from mabe_core.training.interruption import StopRequest
    from mabe_core.training.saving import FollowingSaver
    from mabe_core.training.state import restore

    stop = StopRequest()
    ready = assemble(experiment, access, processes, unobserved, stop)
    ready.meet()
    newest = processes.told()
    if newest:
        restore(ready.step, ready.progress, read_checkpoint(run.checkpoints / newest))
    else:
        processes.draw_apart()
    saver = FollowingSaver(ready.step, ready.progress, experiment.checkpoint)
    ready.loop(saver, unobserved, stop).run()
    ready.step.end(ready.step.state()[0])
    processes.leave()


if __name__ == "__main__":
    sys.exit(main())
