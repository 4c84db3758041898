"""Scores whole recordings with a trained model: every frame by each window that holds it, averaged.

What is held at a time is a batch of windows and the frames they span, however long a recording is. A feature
that looks at a whole recording (`context` None) has it whole, unless it is long and there is `Feature.over`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mabe_core.data.windows import WindowShape, overlapping
from mabe_core.errors import UserError
from mabe_core.exchange import DataShape, Pose, Recording
from mabe_core.experiment.schema import Data
from mabe_core.long_arrays import give_back, let_go, long_array
from mabe_core.training.captured_forward import Tell, inferring, warned
from mabe_core.training.features import FeaturePipeline, part, view_layout
from mabe_core.training.step import Forward

# frames of all windows scored at once: enough to keep a device busy, few enough for a laptop's memory
FRAMES_AT_ONCE = 16_384
# and their inputs: 4 MB, of which a model makes many
NUMBERS_AT_ONCE = 1 << 20
# bytes of points of which features that look at the whole recording may have a few copies
WHOLE_AT_MOST = 4 << 20

# told how many frames of a stretch are scored; what it raises ends the scoring
Check = Callable[[int], None]


def windows_at_once(length: int, inputs: int) -> int:
    """Return how many windows of so many frames and inputs a frame are scored at once."""
    return max(min(FRAMES_AT_ONCE, NUMBERS_AT_ONCE // inputs) // length, 1)


def unchecked(_: int) -> None:
    """Let it go on."""


@attrs.frozen(eq=False)
class Scorer:
    """A trained model, and what turns a recording into its inputs.

    data: the experiment's section, whose features and windows are used. stride: windows start so many of
    their places apart; by default half a window. tell: is told where a GPU cannot do batches in the fast way.
    forward: the model as it is called, in evaluation.
    """

    model: nn.Module
    data: Data
    shape: DataShape
    device: torch.device
    dtype: torch.dtype
    stride: int | None = None
    tell: Tell = warned
    forward: Forward = attrs.field(init=False)

    @forward.default
    def _captured(self) -> Forward:
        return inferring(
            self.model,
            self.model,
            self.device,
            windows_at_once(self.data.sequence_length, self.shape.input_dim),
            self.tell,
        )

    def probabilities(
        self,
        recording: Recording,
        individuals: tuple[int, ...],
        start: int = 0,
        stop: int | None = None,
        *,
        check: Check = unchecked,
    ) -> NDArray[np.float32]:
        """Return the probability of each class in frames [start, stop), float32 (frames, classes).

        individuals: of the view, agent first. Features see the whole recording, windows the stretch alone;
        one shorter than a window is scored in a window that repeats its last frame.
        check: called before each batch of windows. Raises UserError where the inputs are others than the
        model was trained on, or missing.
        """
        stop = recording.frames if stop is None else stop
        scored: NDArray[np.float32] = long_array((stop - start, self.shape.num_classes), np.float32)
        if recording.points.nbytes > WHOLE_AT_MOST:
            give_back()  # what training needed, or another recording
        columns = _Columns.of(self, recording, individuals)
        done = 0
        was_training = self.model.training
        self.model.eval()
        for frames in self._stream(columns, start, stop, check):
            scored[done : done + len(frames)] = frames
            done += len(frames)
            let_go(scored)
        self.model.train(was_training)
        assert done == len(scored), "windows cover every frame"
        return scored

    def tensor(self, values: NDArray[np.float32]) -> Tensor:
        """Return values as the model calculates, on its device."""
        return torch.as_tensor(values, dtype=self.dtype, device=self.device)

    @torch.no_grad()
    def _stream(
        self, columns: _Columns, start: int, stop: int, check: Check
    ) -> Iterator[NDArray[np.float32]]:
        """Yield the frames' probabilities, in order, as soon as no further window holds them."""
        window = WindowShape(self.data.sequence_length, self.data.frame_gap)
        starts = overlapping(stop - start, window, self.stride or max(window.length // 2, 1))
        at_once = windows_at_once(window.length, self.shape.input_dim)
        sums = torch.zeros(0, self.shape.num_classes + 1, dtype=torch.float64)  # the last column counts
        first = place = 0  # the frame that `sums` begins with, the next window
        while place < len(starts):
            check(first)
            batch = starts[place : place + at_once]
            end = min(int(batch[-1]) + window.span, stop - start)
            try:
                frames, found = self._batch(columns, batch, window, start, end)
            except torch.OutOfMemoryError:
                if at_once == 1:
                    raise
                at_once //= 2
                continue
            more = max(end - first - len(sums), 0)
            sums = torch.cat([sums, sums.new_zeros(more, sums.shape[1])])
            sums[:, :-1].index_add_(0, frames - first, found)
            sums[:, -1].index_add_(0, frames - first, sums.new_ones(len(frames)))
            place += len(batch)
            until = int(starts[place]) if place < len(starts) else stop - start
            over, sums, first = sums[: until - first], sums[until - first :], until
            yield (over[:, :-1] / over[:, -1:]).float().numpy()

    def _batch(
        self, columns: _Columns, starts: NDArray[np.int64], window: WindowShape, offset: int, end: int
    ) -> tuple[Tensor, Tensor]:
        """Return the frames of windows that lie before `end`, one after another, and their probabilities."""
        low = int(starts[0])
        inputs = columns.between(offset + low, offset + end)
        frames = torch.as_tensor(starts)[:, None] + torch.arange(window.length) * window.gap
        inside = frames < end
        last = inside.sum(1, keepdim=True) - 1
        padded = torch.where(inside, frames, frames.gather(1, last))
        scores = self.forward(inputs[(padded - low).to(self.device)])
        last_stage = scores[-1] if scores.dim() == 4 else scores
        found = last_stage.softmax(-1) if self.shape.exclusive else last_stage.sigmoid()
        # summed on the CPU, in order: on some devices the order of sums, and so their bits, would vary
        return frames[inside], found.cpu().double()[inside]


@attrs.frozen(eq=False)
class _Columns:
    """The model's inputs of one view, computed as they are asked for.

    whole: the pose after the features that look at the whole recording, where there are any.
    """

    scorer: Scorer
    pipeline: FeaturePipeline
    recording: Recording
    individuals: tuple[int, ...]
    whole: Pose | None

    @classmethod
    def of(cls, scorer: Scorer, recording: Recording, individuals: tuple[int, ...]) -> _Columns:
        pipeline = FeaturePipeline.build(scorer.data, view_layout(recording, individuals))
        if not pipeline.whole_features:
            return cls(scorer, pipeline, recording, individuals, None)
        with torch.no_grad():
            if recording.points.nbytes > WHOLE_AT_MOST:
                known = pipeline.known(
                    lambda start, stop: _points(scorer, recording, individuals, start, stop),
                    recording.frames,
                )
                if known is not None:
                    return cls(scorer, known, recording, individuals, None)
            points = _points(scorer, recording, individuals, 0, recording.frames)
            return cls(scorer, pipeline, recording, individuals, pipeline.whole(Pose(points)))

    def between(self, start: int, stop: int) -> Tensor:
        """Return (frames, inputs) of the recording's frames [start, stop)."""
        low = max(start - self.pipeline.context, 0)
        pose = self._pose(low, stop + self.pipeline.context)
        frames = len(pose.points)
        found, names = self.pipeline.inputs(pose, lambda inputs: pose.points.new_empty(frames, inputs))
        found = found[start - low : stop - low]
        name, trained = self.recording.name, self.scorer.shape.input_names
        if names != trained:
            raise UserError(
                f"{name} gives {len(names)} inputs, the model was trained on {len(trained)}: "
                f"{_differing(names, trained)}"
            )
        missing = ~found.isfinite()
        if bool(missing.any()):
            worst = names[int(missing.sum(0).argmax())]
            raise UserError(
                f"{name}: inputs are missing in frames {start} to {stop - 1} (most in {worst}), and the "
                "model was trained without the feature `interpolate`, which fills gaps"
            )
        return found

    def _pose(self, start: int, stop: int) -> Pose:
        if self.whole is None:
            return Pose(_points(self.scorer, self.recording, self.individuals, start, stop))
        return part(self.whole, start, stop)


def _points(
    scorer: Scorer, recording: Recording, individuals: tuple[int, ...], start: int, stop: int
) -> Tensor:
    """Return the points of these individuals, in this order; hours of all of them are not there twice."""
    let_go(recording.points)  # what was read before
    points = recording.points[start:stop]
    if individuals != tuple(range(points.shape[1])):
        points = points[:, list(individuals)]
    return scorer.tensor(points)


def _differing(here: tuple[str, ...], trained: tuple[str, ...]) -> str:
    differing = sorted(set(here) ^ set(trained)) or ["they are in another order"]
    return ", ".join(differing[:6]) + (", …" if len(differing) > 6 else "")
