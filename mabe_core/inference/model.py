"""A trained model as Python uses it: `predict` on a file or on tracks."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import attrs
import numpy as np
from numpy.typing import NDArray

from mabe_core.errors import UserError
from mabe_core.exchange import PoseTracks, Recording
from mabe_core.inference.fitting import Asked, fit
from mabe_core.inference.member import Member
from mabe_core.inference.poses import read_pose
from mabe_core.inference.prediction import PredictedView, Prediction
from mabe_core.inference.resampling import back_from, resampled
from mabe_core.long_arrays import in_blocks, let_go, long_array
from mabe_core.runs.model_input import ModelInput
from mabe_core.training.post_processing import decide

# told how many frames of a recording are scored, of how many
Told = Callable[[int, int], None]

# what the members of an ensemble have to agree in
_ALIKE = ("individuals", "views", "keypoints", "dims", "fps", "classes", "background", "exclusive")


def _silent(_: int, __: int) -> None:
    """Tell nobody."""


@attrs.frozen(eq=False)
class Model:
    """A trained model, or several whose probabilities are averaged.

    told: what it is, for people. notes: what should be known before it is used.
    """

    told: str
    members: tuple[Member, ...]
    notes: tuple[str, ...]

    @classmethod
    def of(cls, told: str, members: tuple[Member, ...], notes: tuple[str, ...]) -> Model:
        """Raise UserError where the members were not trained on the same kind of data."""
        first = members[0]
        for member in members[1:]:
            for name in _ALIKE:
                one, other = getattr(first.expects, name), getattr(member.expects, name)
                if one != other:
                    raise UserError(
                        f"{first.source.run_id} and {member.source.run_id} cannot be averaged: they were "
                        f"trained on other {name} ({one} and {other})"
                    )
        return cls(told, members, notes)

    @property
    def expects(self) -> ModelInput:
        """What it was trained on: individuals, keypoints, frames a second, classes."""
        return self.members[0].expects

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, in the order of the columns of probabilities and labels."""
        return tuple(self.expects.classes)

    def predict(
        self,
        pose: str | Path | PoseTracks,
        *,
        fps: float | None = None,
        names: Mapping[str, str] | None = None,
        individuals: Sequence[str] = (),
        resample: bool = False,
        name: str = "",
        where: str = "",
        told: Told = _silent,
    ) -> Prediction:
        """Return what each frame of a recording shows.

        pose: a file of keypoints, or tracks that were read. fps: frames a second, where the file does not
        tell. names: what the file calls a keypoint or an individual: what the model does. individuals: which,
        agent first. resample: bring another frame rate to the model's. name: of the recording, by default the
        file's. where: what errors call it. told: called with the frames that are scored and those there are.
        Raises UserError where the recording is not of the kind that the model was trained on.
        """
        if isinstance(pose, PoseTracks):
            tracks = pose
        else:
            tracks = read_pose(Path(pose), self.members[0])
            name, where = name or Path(pose).stem, where or str(pose)
        asked = Asked(fps, dict(names or {}), tuple(individuals), resample)
        fitted = fit(tracks, self.members[0], asked, where or name or "the recording", name or "recording")
        del pose, tracks  # where the model takes other points of it, nobody needs them from here on
        return self.predict_recording(fitted.recording, notes=fitted.notes, resample=resample, told=told)

    def predict_recording(
        self,
        recording: Recording,
        *,
        notes: tuple[str, ...] = (),
        resample: bool = False,
        told: Told = _silent,
    ) -> Prediction:
        """Return what each frame of each view shows, of a recording that fits the model."""
        inner = resampled(recording, self.expects.fps) if resample else recording
        views = []
        steps = len(recording.views) * len(self.members)
        for number, view in enumerate(inner.views):
            total = long_array((inner.frames, len(self.classes)), np.float32)
            better = long_array(total.shape, np.float32)
            for place, member in enumerate(self.members):
                done = (number * len(self.members) + place) / steps

                def tell(frames: int, done: float = done) -> None:
                    told(int(recording.frames * (done + frames / inner.frames / steps)), recording.frames)

                probability = member.scorer.probabilities(inner, view.individuals, check=tell)
                _add(total, probability)
                _add(better, member.chain(probability, float(inner.fps)))
            for _, block in itertools.chain(in_blocks(total), in_blocks(better)):
                block /= np.float32(len(self.members))
            told(int(recording.frames * (number + 1) / len(inner.views)), recording.frames)
            views.append(
                PredictedView(
                    individuals=tuple(recording.individuals[each] for each in view.individuals),
                    probabilities=self._on(recording, inner, total),
                    labels=self._decided(self._on(recording, inner, better)),
                )
            )
        return Prediction(
            recording=recording.name,
            fps=recording.fps,
            classes=self.classes,
            background=self.expects.background,
            views=tuple(views),
            notes=notes,
            tracks=recording,
        )

    def _decided(self, probabilities: NDArray[np.float32]) -> NDArray[np.int8]:
        """Return what is predicted, int8 (frames, classes), 1 or 0."""
        labels = long_array(probabilities.shape, np.int8)
        for start, block in in_blocks(probabilities):
            labels[start : start + len(block)] = decide(block, exclusive=self.expects.exclusive)
            let_go(labels)
        return labels

    def _on(
        self, recording: Recording, inner: Recording, probabilities: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return the probabilities of the recording's own frames."""
        if inner is recording:
            return probabilities
        return back_from(probabilities, inner.fps, recording.fps, recording.frames)


def _add(total: NDArray[np.float32], probabilities: NDArray[np.float32]) -> None:
    for start, block in in_blocks(probabilities):
        total[start : start + len(block)] += block
        let_go(total)
