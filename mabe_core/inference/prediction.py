"""What a model says of one recording: probabilities, labels, bouts."""

from __future__ import annotations

from pathlib import Path

import attrs
import numpy as np
from numpy.typing import NDArray

from mabe_core.errors import UserError
from mabe_core.exchange import Recording
from mabe_core.long_arrays import in_blocks, let_go


@attrs.frozen
class PredictedBout:
    """One stretch of one behaviour: frames [start, stop), from start_second to stop_second of the film.

    probability: the mean of the behaviour's own over its frames. agent, target: names of individuals; target
    "" where the model looks at other than two.
    """

    behaviour: str
    start: int
    stop: int
    start_second: float
    stop_second: float
    agent: str
    target: str
    probability: float


@attrs.frozen(eq=False)
class PredictedView:
    """A recording seen by some individuals, agent first.

    probabilities: float32 (frames, classes). labels: int8 (frames, classes), 1 or 0.
    """

    individuals: tuple[str, ...]
    probabilities: NDArray[np.float32]
    labels: NDArray[np.int8]

    @property
    def agent(self) -> str:
        return self.individuals[0]

    @property
    def target(self) -> str:
        return self.individuals[1] if len(self.individuals) == 2 else ""


@attrs.frozen(eq=False)
class Prediction:
    """What a model says of one recording.

    fps: frames a second. classes: names of the columns. background: the class of frames without a bout.
    views: one for each choice of individuals that the model was trained to look at. notes: what was done to
    the recording to fit the model. tracks: what was looked at, in the model's order of keypoints.
    """

    recording: str
    fps: float
    classes: tuple[str, ...]
    background: str
    views: tuple[PredictedView, ...]
    notes: tuple[str, ...] = ()
    tracks: Recording | None = None

    @property
    def frames(self) -> int:
        """Return how many frames the recording has."""
        return len(self.views[0].labels)

    @property
    def probabilities(self) -> NDArray[np.float32]:
        """Return float32 (frames, classes); raise UserError where there are several views."""
        return self._only_view().probabilities

    @property
    def labels(self) -> NDArray[np.int8]:
        """Return int8 (frames, classes), 1 or 0; raise UserError where there are several views."""
        return self._only_view().labels

    @property
    def bouts(self) -> list[PredictedBout]:
        """Return the bouts of all views, in order of time; the background has none."""
        found = [
            PredictedBout(
                behaviour=name,
                start=start,
                stop=stop,
                start_second=start / self.fps,
                stop_second=stop / self.fps,
                agent=view.agent,
                target=view.target,
                probability=_mean(view.probabilities[start:stop, column]),
            )
            for view in self.views
            for column, name in enumerate(self.classes)
            if name != self.background
            for start, stop in stretches(view.labels[:, column])
        ]
        return sorted(found, key=lambda bout: (bout.start, bout.stop))

    def save(self, file: str | Path, *, form: str = "csv", frames: bool = False, force: bool = False) -> Path:
        """Write it as `mabe predict` does; return the file.

        form: one of `mabe predict --format`. frames: of csv, a row a frame instead of a row a bout. force:
        overwrite a file. Raises UserError where there is a file and force is not set, or the format cannot
        hold it.
        """
        from mabe_core.inference.writers import prediction_file

        with prediction_file(Path(file), self.classes, form, frames=frames, force=force) as add:
            add(self)
        return Path(file)

    def _only_view(self) -> PredictedView:
        if len(self.views) != 1:
            who = "; ".join(" → ".join(view.individuals) for view in self.views)
            raise UserError(
                f"{self.recording} is seen in {len(self.views)} ways ({who}): look at its `views`"
            )
        return self.views[0]


def stretches(labels: NDArray[np.int8]) -> list[tuple[int, int]]:
    """Return [start, stop) of each run of frames that are labelled 1."""
    edges: list[int] = []
    last = False
    for start, block in in_blocks(labels):
        marked = np.concatenate([[last], block == 1])
        edges += (start + np.flatnonzero(marked[1:] != marked[:-1])).tolist()
        last = bool(marked[-1])
    ends = [*edges, len(labels)] if last else edges
    return list(zip(ends[::2], ends[1::2], strict=True))


def _mean(probabilities: NDArray[np.float32]) -> float:
    let_go(probabilities)  # of the bouts before
    return float(probabilities.mean(dtype=np.float64))
