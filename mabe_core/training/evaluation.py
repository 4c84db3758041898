"""From probabilities and truth to scores: counts, confusion, and the experiment's metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

from mabe_core.exchange import Dataset, DataShape, Evaluation, Recording, ScoredFrames, Segment, View
from mabe_core.experiment import Experiment
from mabe_core.runs.scores import Frames, Stretch
from mabe_core.training.blame import blame, build_at
from mabe_core.training.post_processing import Chain, decide
from mabe_core.training.scoring import Check, Scorer, unchecked

Metric = Callable[[Evaluation], Mapping[str, float]]


@attrs.frozen(eq=False)
class Metrics:
    """The metrics of an experiment, each built for its data."""

    experiment: Experiment
    functions: tuple[Metric, ...]
    classes: tuple[str, ...]
    exclusive: bool

    @classmethod
    def build(cls, experiment: Experiment, shape: DataShape) -> Metrics:
        """Build them."""
        functions = tuple(build_at("metrics", component, shape) for component in experiment.metrics)
        return cls(experiment, functions, shape.class_names, shape.exclusive)

    def of(
        self, scored: Sequence[Stretch], loss: float, frames: Iterable[ScoredFrames] | None
    ) -> dict[str, float]:
        """Return every score by name, of these stretches together and their frames.

        Without frames, the scores that counts are enough for.
        """
        counts = np.array([stretch.counts for stretch in scored], dtype=np.int64).sum(axis=0)
        confusion = confusion_of(scored, self.classes) if self.exclusive else None
        for each in [counts] if confusion is None else [counts, confusion]:
            each.flags.writeable = False  # metrics look at it one after another
        stretches = None if frames is None else tuple(frames)
        evaluation = Evaluation(confusion, loss, self.classes, stretches, counts)
        values: dict[str, float] = {}
        for component, function in zip(self.experiment.metrics, self.functions, strict=True):
            if stretches is None and component.spec and component.spec.needs == "frames":
                continue
            with blame("metrics", component):
                values |= {name: float(value) for name, value in function(evaluation).items()}
        return values


@attrs.frozen(eq=False)
class Scored:
    """One stretch with its frames; loss: the mean negative log-likelihood of the truth, in nats."""

    stretch: Stretch
    frames: Frames
    loss: float

    @property
    def labels(self) -> int:
        """How many labels there are, which the loss is a mean over."""
        return int((self.frames.truth >= 0).sum())


@attrs.frozen(eq=False)
class Inferred:
    """A stretch of a recording in one view, with what the model says of it before post-processing."""

    recording: Recording
    view: View
    segment: Segment
    probability: NDArray[np.float32]

    def frames(self, predicted: NDArray[np.int8]) -> ScoredFrames:
        """Return it as metrics and post-processing are given it."""
        return ScoredFrames(
            recording=self.recording.name,
            individuals=tuple(self.recording.individuals[each] for each in self.view.individuals),
            fps=float(self.recording.fps),
            truth=self.view.labels[self.segment.start : self.segment.stop],
            probability=self.probability,
            predicted=predicted,
            groups=dict(self.recording.groups),
        )


def infer(
    scorer: Scorer, dataset: Dataset, segments: Iterable[Segment], check: Check = unchecked
) -> list[Inferred]:
    """Return what the model says of every view of these stretches; `check` as for Scorer.probabilities."""
    found = []
    for segment in segments:
        recording = dataset.recordings[segment.recording]
        for view in recording.views:
            individuals, start, stop = view.individuals, segment.start, segment.stop
            probability = scorer.probabilities(recording, individuals, start, stop, check=check)
            found.append(Inferred(recording, view, segment, probability))
    return found


def score(inferred: Iterable[Inferred], metrics: Metrics, chain: Chain) -> list[Scored]:
    """Decide the frames of stretches, and score each stretch."""
    return [_scored(each, metrics, chain) for each in inferred]


def score_segments(
    scorer: Scorer,
    chain: Chain,
    metrics: Metrics,
    dataset: Dataset,
    segments: Iterable[Segment],
    check: Check = unchecked,
) -> list[Scored]:
    """Score every view of these stretches of recordings; `check` as for Scorer.probabilities."""
    return score(infer(scorer, dataset, segments, check), metrics, chain)


def pooled(metrics: Metrics, scored: Sequence[Scored]) -> dict[str, float]:
    """Return the metrics over all frames of several stretches together."""
    labels = [each.labels for each in scored]
    loss = sum(each.loss * count for each, count in zip(scored, labels, strict=True)) / max(sum(labels), 1)
    stretches = [each.stretch for each in scored]
    return metrics.of(stretches, loss, (_seen(each.stretch, each.frames) for each in scored))


def confusion_of(stretches: Iterable[Stretch], classes: Sequence[str]) -> NDArray[np.int64]:
    """Return the counts of several stretches together, int64 (classes, classes), rows truth."""
    total = np.zeros((len(classes), len(classes)), dtype=np.int64)
    for stretch in stretches:
        assert stretch.confusion is not None, "frames have one class each"
        total += np.array(stretch.confusion, dtype=np.int64)
    return total


def _scored(inferred: Inferred, metrics: Metrics, chain: Chain) -> Scored:
    decided_by = chain(inferred.probability, float(inferred.recording.fps))
    predicted = decide(decided_by, exclusive=metrics.exclusive)
    return judged(inferred.frames(predicted), metrics, inferred.segment.start, inferred.segment.stop)


def judged(seen: ScoredFrames, metrics: Metrics, start: int, stop: int) -> Scored:
    """Score frames [start, stop) of a recording as they were decided."""
    truth, probability, predicted = seen.truth, seen.probability, seen.predicted
    loss = _loss(truth, probability, exclusive=metrics.exclusive)
    frames = Frames(truth, probability.astype(np.float16), predicted)
    stretch = Stretch(
        recording=seen.recording,
        individuals=list(seen.individuals),
        fps=seen.fps,
        start=start,
        stop=stop,
        counts=_counts(truth, predicted),
        confusion=_confusion(truth, predicted).tolist() if metrics.exclusive else None,
        scores={},
        groups=dict(seen.groups),
    )
    scores = metrics.of([stretch], loss, [_seen(stretch, frames)])
    return Scored(attrs.evolve(stretch, scores=scores), frames, loss)


def _seen(stretch: Stretch, frames: Frames) -> ScoredFrames:
    """Return a stretch as metrics are given it."""
    return ScoredFrames(
        stretch.recording,
        tuple(stretch.individuals),
        stretch.fps,
        frames.truth,
        frames.probability.astype(np.float32),
        frames.predicted,
        stretch.groups,
    )


def _counts(truth: NDArray[np.int8], predicted: NDArray[np.int8]) -> list[list[int]]:
    """Return of each class its true positives, false positives and false negatives."""
    found = predicted == 1
    each = (found & (truth == 1), found & (truth == 0), ~found & (truth == 1))
    return [list(map(int, counts)) for counts in zip(*(frames.sum(axis=0) for frames in each), strict=True)]


def _confusion(truth: NDArray[np.int8], predicted: NDArray[np.int8]) -> NDArray[np.int64]:
    classes = truth.shape[1]
    labelled = (truth == 1).any(axis=1)
    pairs = truth[labelled].argmax(axis=1) * classes + predicted[labelled].argmax(axis=1)
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def _loss(truth: NDArray[np.int8], probability: NDArray[np.floating], *, exclusive: bool) -> float:
    of_truth = probability[truth == 1].astype(np.float64)
    if not exclusive:
        of_truth = np.concatenate([of_truth, 1.0 - probability[truth == 0].astype(np.float64)])
    smallest = np.finfo(np.float32).tiny  # a probability below what a float32 holds is 0
    return float(-np.log(of_truth.clip(min=smallest)).mean()) if len(of_truth) else 0.0
