"""Starts the other processes of a training and sees to it that none is left alone.

The first process is the command's own: it holds the run, saves and tells. The others are started by it, or by
torchrun, and do as it does. They end when their standard input does, however the first one ended; where one
of them dies, the first stops with what it said.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator

import attrs
import torch
import torch.distributed as dist
from torch.distributed import TCPStore  # type: ignore[attr-defined] # not among the names it exports
from torch.distributed.distributed_c10d import _abort_process_group

from mabe_core.errors import MabeError, RunError, UserError
from mabe_core.runs.opening import OpenedRun
from mabe_core.training.companion import Order, backend
from mabe_core.training.processes import ALONE, Processes

# seconds that a process may take to end by itself once training is over
PATIENCE = 10.0
# seconds that the first process is given to notice by itself that another one died
GRACE = 3.0
LAST_LINES = 12
LOOPBACK = "127.0.0.1"


@contextlib.contextmanager
def companions(opened: OpenedRun, count: int) -> Iterator[Processes]:
    """Start what is missing of so many processes; yield them, of which this one leads.

    Raises RunError with the last words of one that died, UserError where torchrun started another number.
    """
    started = by_torchrun()
    if started is not None:
        if opened.experiment.processes not in (None, started.count):
            raise UserError(
                f"torchrun started {started.count} processes, and the experiment asks for "
                f"{opened.experiment.processes}"
            )
        yield started
        return
    if count == 1:
        yield ALONE
        return
    store = TCPStore(LOOPBACK, 0, count, is_master=True, wait_for_workers=False)
    others = [_Companion(_order(opened, count, rank, store.port)) for rank in range(1, count)]

    def meet(device: torch.device) -> None:
        for other in others:
            other.wait_until_ready()
        if device.type == "cuda":
            torch.cuda.set_device(device)
        dist.init_process_group(backend(device), store=store, rank=0, world_size=count)

    try:
        yield Processes(count, 0, meet)
    except Exception as error:
        if isinstance(error, MabeError):
            raise
        told = _first_words(others)
        if not told:
            raise
        raise RunError(told) from error
    finally:
        for other in others:
            other.release()
        for other in others:
            other.end()
        if dist.is_initialized():
            _abort_process_group()


def by_torchrun() -> Processes | None:
    """Return the processes that torchrun started, as its environment says; None where it did not.

    Raises UserError where they are on several machines.
    """
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return None
    count, rank, here = (int(os.environ[name]) for name in ("WORLD_SIZE", "RANK", "LOCAL_WORLD_SIZE"))
    if here != count:
        raise UserError(f"{count} processes on several machines are not supported; {here} are on this one")

    def meet(device: torch.device) -> None:
        if count == 1:
            return
        if device.type == "cuda":
            torch.cuda.set_device(device)
        dist.init_process_group(backend(device))

    return Processes(count, rank, meet)


def _order(opened: OpenedRun, count: int, rank: int, port: int) -> Order:
    return Order(
        sent=attrs.asdict(opened.sent),
        data_folders=[str(folder) for folder in opened.access.folders],
        run=str(opened.run.path),
        count=count,
        rank=rank,
        address=LOOPBACK,
        port=port,
    )


def _first_words(others: list[_Companion]) -> str:
    """Return what the first that died said; those that notice each other's death follow soon."""
    deadline = time.monotonic() + GRACE
    while time.monotonic() < deadline:
        died = [other for other in others if other.failed]
        if died:
            return min(died, key=lambda other: other.ended_at).last_words()
        time.sleep(0.05)
    return ""


class _Companion:
    """One of the other processes, as the first sees it."""

    def __init__(self, order: Order) -> None:
        self._rank, self._count = order.rank, order.count
        self._told = tempfile.TemporaryFile()  # noqa: SIM115 - closed once the process has ended
        self._released = False
        self.ended_at = 0.0
        self._process = subprocess.Popen(
            # -P: what lies in the working folder must not be taken for a library
            [sys.executable, "-P", "-m", "mabe_core.training.companion"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._told,
            start_new_session=True,  # Ctrl-C is for the first, which then decides for all
        )
        assert self._process.stdin is not None, "it is a pipe"
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(attrs.asdict(order)).encode() + b"\n")
            self._process.stdin.flush()
        threading.Thread(target=self._watch, name=f"mabe-process-{order.rank}", daemon=True).start()

    def wait_until_ready(self) -> None:
        """Wait until it has built what is trained; raise RunError where it died before."""
        assert self._process.stdout is not None, "it is a pipe"
        if not self._process.stdout.readline():
            self._process.wait()
            raise RunError(self.last_words())

    @property
    def failed(self) -> bool:
        """Tell whether it ended before it was released."""
        return self._process.poll() not in (None, 0) and not self._released

    def release(self) -> None:
        """Let it end, whatever it is at."""
        self._released = self._released or not self.failed
        assert self._process.stdin is not None, "it is a pipe"
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def end(self) -> None:
        """Wait for its end, but not for long."""
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None, "it is a pipe"
        self._process.stdout.close()
        self._told.close()

    def last_words(self) -> str:
        """Return how it ended and what it said last."""
        status = self._process.returncode
        how = f"by signal {-status}" if status < 0 else f"with status {status}"
        self._told.seek(0)
        lines = self._told.read().decode(errors="replace").splitlines()[-LAST_LINES:]
        return "\n".join([f"process {self._rank} of {self._count} ended {how}", *lines])

    def _watch(self) -> None:
        """Where it dies, let go of what waits for it: a GPU's collectives wait for ever."""
        self._process.wait()
        self.ended_at = time.monotonic()
        if self.failed:
            time.sleep(GRACE)
            if not self._released and dist.is_initialized():
                _abort_process_group()
