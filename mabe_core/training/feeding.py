"""Brings training windows to where steps read them: they are there, or come in blocks meanwhile."""

from __future__ import annotations

from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from mabe_core.training.background import Background
from mabe_core.training.batches import Batches, HostBatches, TabledBatches, frames_of, places

NO_LIMIT = 1 << 62
# steps a block are a multiple of so many where they are more: captured steps are replayed by eights
ROUND = 8


class Feed(Protocol):
    """Gives what steps read.

    batches: what they call, with starts that `begin` returned.
    """

    @property
    def batches(self) -> Batches:
        """What a step calls; its tensors stay where they are."""

    @property
    def how(self) -> str:
        """In words, where the data lies, for the record."""

    def begin(self, starts: Tensor, done: int) -> Tensor:
        """Take over an epoch, of whose steps so many are done; return its starts as `batches` knows them."""

    def ready(self, done: int) -> int:
        """Return how many steps may be done before it has to be asked again; so many are done."""

    def peek(self, starts: Tensor) -> tuple[Tensor, Tensor]:
        """Return a batch of windows by their own starts, at any time."""


class Resident:
    """All windows are on the device."""

    how = "on the device"

    def __init__(self, batches: Batches) -> None:
        self.batches = batches

    def begin(self, starts: Tensor, done: int) -> Tensor:
        """Return the starts as they are."""
        return starts

    def ready(self, done: int) -> int:
        """Return no limit."""
        return NO_LIMIT

    def peek(self, starts: Tensor) -> tuple[Tensor, Tensor]:
        """Return a batch."""
        return self.batches(starts)


class Blocks:
    """Windows of a table in the host's memory, some steps' at a time in one place on the device.

    While steps are done on a block, a thread gathers the next one and copies it beside, on a stream of its
    own. At the block's end it is copied to where steps read, so that a captured step finds it there.
    steps: of a block.
    """

    def __init__(
        self, host: TabledBatches, device: torch.device, *, batch_size: int, block_bytes: int
    ) -> None:
        self._host, self._device, self._size = host, device, batch_size
        width = len(host.reach)
        window = width * sum(table[:1].nbytes for table in host.tables)
        steps = max(block_bytes // (window * batch_size), 1)
        self.steps = steps - steps % ROUND if steps > ROUND else steps
        frames = self.steps * batch_size * width
        on_gpu = device.type == "cuda"
        shapes = [(frames, *table.shape[1:]) for table in host.tables]
        tables = list(zip(host.tables, shapes, strict=True))
        self.held = [table.new_zeros(shape, device=device) for table, shape in tables]
        self._gathered = [torch.zeros(shape, dtype=table.dtype, pin_memory=on_gpu) for table, shape in tables]
        # on a CPU what was gathered is beside already
        self.staged = [torch.zeros_like(each) for each in self.held] if on_gpu else self._gathered
        self.batches: Batches = host.laid_out(self.held)
        self._stream = torch.cuda.Stream(device) if on_gpu else None  # type: ignore[no-untyped-call]
        self._background: Background[int] = Background()
        self._peek = HostBatches(host, device)
        self._starts = torch.zeros(0, dtype=torch.int64)
        self._until = 0

    @property
    def how(self) -> str:
        """In words, where the data lies."""
        return f"in the host's memory, {self.steps} steps at a time on the device"

    def begin(self, starts: Tensor, done: int) -> Tensor:
        """Gather the first block; return where each window will lie when its step is done."""
        self._background.take()  # of an epoch that was broken off
        self._starts, self._until = starts.cpu(), done
        self._start_block()
        numbers = (torch.arange(len(starts)) - done * self._size) % (self.steps * self._size)
        return places(self._host, numbers).to(starts.device)

    def ready(self, done: int) -> int:
        """Put the next block in place where the last one is done."""
        if done == self._until:
            frames = self._background.take()
            assert frames is not None, "a block was begun"
            for held, staged in zip(self.held, self.staged, strict=True):
                held[:frames].copy_(staged[:frames])
            self._until = min(done + self.steps, -(-len(self._starts) // self._size))
            if self._until * self._size < len(self._starts):
                self._start_block()
        return self._until - done

    def peek(self, starts: Tensor) -> tuple[Tensor, Tensor]:
        """Return a batch straight from the host's memory."""
        return self._peek(starts)

    def _start_block(self) -> None:
        """Let the thread stage the steps from `_until` on."""
        starts = self._starts[self._until * self._size : (self._until + self.steps) * self._size]
        free = None
        if self._stream is not None:
            free = torch.cuda.Event()  # type: ignore[no-untyped-call] # torch has no annotation
            free.record(torch.cuda.current_stream(self._device))
        self._background.start(partial(self._stage, starts, free))

    def _stage(self, starts: Tensor, free: torch.cuda.Event | None) -> int:
        """Gather windows and copy them beside; return how many frames they are.

        free: on the device, when the block before has been copied away from there.
        """
        index = frames_of(self._host, starts)
        for table, gathered in zip(self._host.tables, self._gathered, strict=True):
            torch.index_select(table, 0, index, out=gathered[: len(index)])
        if self._stream is not None and free is not None:
            with torch.cuda.stream(self._stream):
                self._stream.wait_event(free)
                for gathered, staged in zip(self._gathered, self.staged, strict=True):
                    staged[: len(index)].copy_(gathered[: len(index)], non_blocking=True)
            self._stream.synchronize()
        return len(index)
