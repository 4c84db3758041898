"""A model's forward in evaluation as CUDA graphs: captured once a size of batch, then replayed.

Validation and the scoring of recordings both go through it. Every batch is padded to one of a few sizes, from
the first on, so that a batch's scores do not depend on what was scored before it.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from mabe_core.training.step import Forward

# batches of a size that are called before it is captured: libraries choose their kernels in them
CALLED_FIRST = 2

Tell = Callable[[str], None]


def warned(message: str) -> None:
    """Tell it as Python tells warnings, where nobody else listens."""
    warnings.warn(message, stacklevel=2)


def inferring(
    forward: Forward, model: nn.Module, device: torch.device, largest: int, tell: Tell = warned
) -> Forward:
    """Return a model's forward for evaluation: captured on a CUDA device, and elsewhere as it is.

    largest: windows of the largest batch. What it returns is to be used before it is called again.
    """
    if device.type != "cuda":
        return forward
    return CapturedForward(forward, model, largest, Stream(device), tell)


class Stream:
    """Where the forward runs and is captured from: what libraries keep a stream is there by then."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call] # torch has no annotation
        self._pool = torch.cuda.graph_pool_handle()

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Run what is inside on this stream, between what comes before and after."""
        current = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            yield
        current.wait_stream(self._stream)

    def forget(self) -> None:
        """Give up what was captured: torch takes no memory of graphs again once the last of them is gone."""
        self._pool = torch.cuda.graph_pool_handle()

    def capture(self, function: Callable[[], Tensor]) -> tuple[Callable[[], None], Tensor]:
        """Return what does again what the function does, and where it leaves its result."""
        graph = torch.cuda.CUDAGraph()
        generator = torch.cuda.default_generators[self._device.index or 0]
        before = generator.get_state()
        try:
            with torch.cuda.graph(
                graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"
            ):
                result = function()
        except RuntimeError:
            # a capture that broke leaves torch's generator as if it went on
            generator.graphsafe_set_state(generator.clone_state())
            generator.set_state(before)
            raise
        return graph.replay, result


class CapturedForward:
    """Calls the first batches of a size, then captures and replays; calls them all where it cannot.

    A graph holds addresses: once a weight or a buffer lies elsewhere, it is captured again. tell: is told
    once why nothing is captured.
    """

    def __init__(
        self, forward: Forward, model: nn.Module, largest: int, stream: Stream, tell: Tell = warned
    ) -> None:
        self._forward, self._model, self._largest = forward, model, largest
        self._stream, self._tell = stream, tell
        self._captured = True
        self._inputs: dict[tuple[object, ...], Tensor] = {}
        self._called: dict[tuple[object, ...], int] = {}
        self._graphs: dict[tuple[object, ...], tuple[Callable[[], None], Tensor]] = {}
        self._addresses: list[int] = []

    @torch.no_grad()
    def __call__(self, inputs: Tensor) -> Tensor:
        """Return the scores of a batch of windows; they are overwritten by the next call."""
        windows = len(inputs)
        # a power of two, so that there are few sizes, and at most half of a batch is padding
        size = max(min(self._largest, 1 << (windows - 1).bit_length()), windows)
        key = (size, *inputs.shape[1:], inputs.dtype)
        if key not in self._inputs:
            self._inputs[key] = inputs.new_zeros((size, *inputs.shape[1:]))
        padded = self._inputs[key]
        padded[:windows].copy_(inputs)
        return self._scores(key, padded).narrow(-3, 0, windows)

    def _scores(self, key: tuple[object, ...], padded: Tensor) -> Tensor:
        if self._captured and self._called.get(key, 0) >= CALLED_FIRST:
            self._forget_what_moved()
            if key not in self._graphs:
                self._capture(key, padded)
        if key in self._graphs:
            replay, scores = self._graphs[key]
            replay()
            return scores
        with self._stream.aside():
            scores = self._forward(padded)
        self._called[key] = self._called.get(key, 0) + 1
        return scores

    def _capture(self, key: tuple[object, ...], padded: Tensor) -> None:
        try:
            self._graphs[key] = self._stream.capture(lambda: self._forward(padded))
        except RuntimeError as error:
            self._captured = False
            self._graphs.clear()
            why = str(error).strip().partition("\n")[0]
            self._tell(
                f"the model cannot be captured for validation and scoring, and is called instead: {why}"
            )

    def _forget_what_moved(self) -> None:
        addresses = [tensor.data_ptr() for tensor in (*self._model.parameters(), *self._model.buffers())]
        if addresses != self._addresses:
            self._graphs.clear()
            self._stream.forget()
            self._addresses = addresses
