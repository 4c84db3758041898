"""What a metric promises: finite scores by name, the better ones for the better predictions."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from numbers import Real
from typing import Any, cast

import attrs
import numpy as np
from numpy.typing import NDArray

from mabe_core.exchange import UNLABELLED, Evaluation, ScoredFrames
from mabe_core.specs import MetricSpec
from mabe_core.testing.findings import Fault, NotAsked, Subject, Suite
from mabe_core.testing.samples import data_shape

SHAPE = data_shape(6, 4, 20)
# what a table, a path and `--set training.monitor=…` take as it is; class names come from the data
NAME = re.compile(r"[!-.0-~]+")


@attrs.frozen(eq=False)
class MetricCase:
    """A metric, and what its spec says of it."""

    metric: Callable[[Evaluation], Mapping[str, float]]
    spec: MetricSpec[object]

    @property
    def lower_is_better(self) -> frozenset[str]:
        """The names of those of its scores that are errors."""
        return self.spec.lower_is_better

    def scores(self, confusion: NDArray[np.int64], loss: float = 1.0) -> dict[str, float]:
        """Return the scores of a confusion matrix, which the metric cannot write into.

        One that needs frames is given frames of which there are as many.
        """
        counts = np.asarray(confusion, dtype=np.int64)
        counts.flags.writeable = False
        stretches = frames_of(counts) if self.spec.needs == "frames" else None
        found = self.metric(Evaluation(counts, loss, SHAPE.class_names, stretches))
        if not isinstance(found, Mapping) or not all(isinstance(name, str) for name in found):
            raise Fault(f"it gives {found!r}, not scores by name")
        given: Mapping[str, Any] = found
        wrong = {name: value for name, value in given.items() if not isinstance(value, Real)}
        if wrong:
            name, value = next(iter(wrong.items()))
            raise Fault(f"{name} is {value!r}, of type {type(value).__name__}: not a number")
        return {name: float(value) for name, value in found.items()}


def prepare(subject: Subject) -> MetricCase:
    """Build the metric."""
    return MetricCase(subject.build(SHAPE), cast("MetricSpec[object]", subject.spec))


def frames_of(confusion: NDArray[np.int64]) -> tuple[ScoredFrames, ...]:
    """Return frames that count up to a confusion matrix, in two stretches with an unlabelled frame each."""
    truth, found = (np.repeat(place.ravel(), confusion.ravel()) for place in np.indices(confusion.shape))
    return tuple(_stretch(truth[half], found[half]) for half in (slice(0, None, 2), slice(1, None, 2)))


def _stretch(truth: NDArray[np.int64], found: NDArray[np.int64]) -> ScoredFrames:
    classes = np.arange(SHAPE.num_classes)
    unlabelled = np.full((1, SHAPE.num_classes), UNLABELLED, dtype=np.int8)
    labels = np.concatenate([(truth[:, None] == classes).astype(np.int8), unlabelled])
    predicted = (np.append(found, 0)[:, None] == classes).astype(np.int8)
    probability = np.where(predicted == 1, 0.7, 0.3 / (SHAPE.num_classes - 1)).astype(np.float32)
    for values in (labels, probability, predicted):
        values.flags.writeable = False
    return ScoredFrames("made up", ("resident", "intruder"), 30.0, labels, probability, predicted)


def confusions() -> dict[str, NDArray[np.int64]]:
    """Return confusion matrices, rows truth: of every kind that turns up."""
    size = SHAPE.num_classes
    some = np.random.default_rng(0).integers(0, 50, (size, size))
    absent = some.copy()
    absent[1] = 0
    return {
        "usual": some,
        "without a frame": np.zeros((size, size)),
        "of one frame": np.eye(1, size * size).reshape(size, size),
        "without one class": absent,
        "with every frame taken for one class": np.pad(some.sum(1, keepdims=True), ((0, 0), (0, size - 1))),
        "perfect": np.diag([40, 30, 20, 10]),
        "all wrong": np.roll(np.diag([40, 30, 20, 10]), 1, axis=1),
    }


def finite_scores_by_name(case: MetricCase) -> str:
    """Each evaluation, that of no frame too, gives the same names with finite scores; none is `loss`."""
    names = set(case.scores(confusions()["usual"]))
    if not names:
        raise Fault("it gives no score")
    if "loss" in names:
        raise Fault("`loss` is the name of what is minimized: name the score otherwise")
    for name in names:
        if not NAME.fullmatch(name):
            raise Fault(f"no score can be named {name!r}: of ASCII letters, digits and signs, no space, no /")
    for what, confusion in confusions().items():
        found = case.scores(confusion)
        if set(found) != names:
            raise Fault(f"an evaluation {what} has the scores {', '.join(found)}, not {', '.join(names)}")
        for name, value in found.items():
            if not math.isfinite(value):
                raise Fault(f"{name} of an evaluation {what} is {value}")
    missing = case.lower_is_better - names
    if missing:
        raise Fault(f"lower_is_better names {', '.join(sorted(missing))}, which is no score of it")
    return ", ".join(sorted(names))


def perfect_is_better_than_all_wrong(case: MetricCase) -> None:
    """No score is better where every frame is wrong than where every frame is right, and some are worse."""
    if case.spec.descriptive:
        raise NotAsked("its numbers describe")
    best, worst = case.scores(confusions()["perfect"], 0.0), case.scores(confusions()["all wrong"], 9.0)
    signs = {name: -1 if name in case.lower_is_better else 1 for name in best}
    for name, sign in signs.items():
        if sign * best[name] < sign * worst[name]:
            hint = "" if name in case.lower_is_better else ", unless lower_is_better names it"
            raise Fault(
                f"{name} is {best[name]:g} where all is right, {worst[name]:g} where all is wrong{hint}"
            )
    if best == worst:
        raise Fault("its scores are the same where all is right and where all is wrong")


def it_repeats(case: MetricCase) -> None:
    """An evaluation's scores do not depend on those before it."""
    first = case.scores(confusions()["usual"])
    case.scores(confusions()["perfect"])
    if case.scores(confusions()["usual"]) != first:
        raise Fault("the same evaluation has other scores the second time")


def values(case: MetricCase) -> Iterator[float]:
    """Yield the scores of every evaluation."""
    for confusion in confusions().values():
        yield from (value for _, value in sorted(case.scores(confusion).items()))


SUITE = Suite((finite_scores_by_name, perfect_is_better_than_all_wrong, it_repeats), prepare, values)
