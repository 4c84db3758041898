"""The whole step as CUDA graphs: compiled where that pays, captured once, several steps of it a replay."""

from __future__ import annotations

import contextlib
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mabe_core.experiment import Experiment
from mabe_core.training.compiling import is_compiled
from mabe_core.training.inputs import TrainingData
from mabe_core.training.parts import Parts
from mabe_core.training.precision import Precision
from mabe_core.training.processes import ALONE, Processes
from mabe_core.training.state import generators, restore_generators
from mabe_core.training.whole_step import WholeStep

# steps a replay: hides what a launch costs the host behind what the device does
STEPS_A_REPLAY = 8
# steps that are called before a size of batch is captured: libraries choose their kernels in them
CALLED_FIRST = 2
# and again as many where it is then compiled
COMPILED_FIRST = 2


class CapturedStep(WholeStep):
    """Calls the first steps, then captures and replays; calls them all where the step cannot be captured.

    Its graphs: STEPS_A_REPLAY whole batches, one whole batch, and the smaller batch that an epoch may end
    with, which is never compiled. tell: is told once why it is not captured, or not compiled.
    """

    def __init__(
        self,
        experiment: Experiment,
        parts: Parts,
        data: TrainingData,
        precision: Precision,
        device: torch.device,
        *,
        lowered: bool,
        tell: Callable[[str], None],
        processes: Processes = ALONE,
    ) -> None:
        super().__init__(experiment, parts, data, precision, device, lowered=lowered, processes=processes)
        self._tell = tell
        self._captured = True
        self._compiled = is_compiled(experiment, parts)
        self._called: dict[int, int] = {}
        self._graphs: dict[tuple[int, int], torch.cuda.CUDAGraph] = {}
        self._under_way: deque[torch.cuda.Event] = deque()
        self._pool = torch.cuda.graph_pool_handle()
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call] # torch has no annotation

    @property
    def how(self) -> str:
        """In words, how steps are done so far."""
        return ("captured" if self._captured else "called") + (", compiled" if self._compiled else "")

    def advance(self, most: int) -> int:
        """Replay several steps, or one; the last of an epoch may have fewer windows."""
        whole = len(self.order) // self.size - self.done
        size = self.size if whole else len(self.order) % self.size
        steps = STEPS_A_REPLAY if min(whole, most) >= STEPS_A_REPLAY else 1
        if self._is_ready(size) and (size, steps) not in self._graphs:
            self._capture(size, steps)
        if not self._is_ready(size):
            return self._call(size)
        self._wait_for_all_but(1)
        self._graphs[size, steps].replay()
        done = torch.cuda.Event()  # type: ignore[no-untyped-call] # torch has no annotation
        done.record()
        self._under_way.append(done)
        self.done += steps
        return steps

    def _is_ready(self, size: int) -> bool:
        """Tell whether all steps were called that come before a batch of this size is captured."""
        first = CALLED_FIRST + (COMPILED_FIRST if self._compiled and size == self.size else 0)
        return self._captured and self._called.get(size, 0) >= first

    def _wait_for_all_but(self, few: int) -> None:
        """Let the host run ahead of the device by so many replays only: a stop is to be heeded soon."""
        while len(self._under_way) > few:
            self._under_way.popleft().synchronize()

    def end(self, model: Mapping[str, Tensor]) -> nn.Module:
        """Return the trained model; what replays needed is given back."""
        self._wait_for_all_but(0)
        self._graphs.clear()
        return super().end(model)

    def _call(self, size: int) -> int:
        called = self._called.get(size, 0)
        with self._aside():
            if self._captured and called == CALLED_FIRST - 1:
                self._call_watched(size)
            elif self._compiled and size == self.size and called == CALLED_FIRST:
                self._call_compiled(size)
            else:
                self.step(size)
        self._called[size] = called + 1
        self.done += 1
        return 1

    def _call_watched(self, size: int) -> None:
        """Do a step and see that it can be captured; where it waits for the device, do it again."""
        before = self._everything()
        counts = self._kept_on_host()
        try:
            with _no_waiting():
                self.step(size)
        except RuntimeError as error:
            self._give_up(_first_line(error))
            self._put_back(before)
            self.step(size)
            return
        changed = {kept[1] for kept in self._kept_on_host() if kept not in counts}
        if changed:
            self._give_up(f"the optimizer keeps {', '.join(sorted(changed))} on the host")

    def _call_compiled(self, size: int) -> None:
        """Do a step while torch compiles it; where it cannot, do it as it is written."""
        before = self._everything()
        self.compile()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # torch's advice on its own settings
                self.step(size)
        except RuntimeError as error:
            self._as_written()
            self._compiled = False
            self._tell(f"the step cannot be compiled, and is not: {_first_line(error)}")
            self._put_back(before)
            self.step(size)

    def _capture(self, size: int, steps: int) -> None:
        graph = torch.cuda.CUDAGraph()
        state = generators(self.device)
        try:
            with torch.cuda.graph(
                graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"
            ):
                for _ in range(steps):
                    self.step(size)
        except RuntimeError as error:
            self._give_up(_first_line(error))
            # a capture that broke leaves torch's generator as if it went on
            generator = torch.cuda.default_generators[self.device.index or 0]
            generator.graphsafe_set_state(generator.clone_state())
            restore_generators(state, self.device)
        else:
            self._graphs[size, steps] = graph

    def _give_up(self, why: str) -> None:
        self._captured = False
        self._graphs.clear()
        self._tell(f"the step cannot be captured, and is called instead, which takes longer: {why}")

    @contextlib.contextmanager
    def _aside(self) -> Iterator[None]:
        """Run on the stream that is captured from: what libraries keep a stream is there by then."""
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            yield
        torch.cuda.current_stream().wait_stream(self._stream)

    def _kept_on_host(self) -> list[tuple[int, str, Any]]:
        return [
            (number, key, value)
            for number, state in enumerate(self.optimizer.state.values())
            for key, value in state.items()
            if not isinstance(value, Tensor)
        ]

    def _tensors(self) -> list[Tensor]:
        states = self.optimizer.state.values()
        inside = [value for state in states for value in state.values() if isinstance(value, Tensor)]
        own = [self.weights.master, self.weights.working, self.cursor, self.loss_sum]
        return [*own, self.scale.factor, self.scale.quiet, *self.parts.model.buffers(), *inside]

    def _everything(self) -> tuple[list[Tensor], list[tuple[int, str, Any]], dict[str, Tensor]]:
        return [tensor.clone() for tensor in self._tensors()], self._kept_on_host(), generators(self.device)

    def _put_back(self, before: tuple[list[Tensor], list[tuple[int, str, Any]], dict[str, Tensor]]) -> None:
        tensors, kept, random_state = before
        with torch.no_grad():
            for tensor, value in zip(self._tensors(), tensors, strict=True):
                tensor.copy_(value)
        states = list(self.optimizer.state.values())
        for number, key, value in kept:
            states[number][key] = value
        restore_generators(random_state, self.device)


def _first_line(error: RuntimeError) -> str:
    return str(error).strip().partition("\n")[0]


@contextlib.contextmanager
def _no_waiting() -> Iterator[None]:
    """Let torch raise where something waits for the device."""
    before = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings():
        # torch says that it does not find everything: what it misses fails at the capture
        warnings.filterwarnings("ignore", message="Synchronization debug mode")
        torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode(before)
