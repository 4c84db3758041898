"""What post-processing promises: probabilities for probabilities, a recording at a time, fitted alike."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

import attrs
import numpy as np
from numpy.typing import NDArray

from mabe_core.errors import UserError
from mabe_core.exchange import DataShape, FittingContext, LabelledFrames, PostProcessing, ScoredFrames
from mabe_core.specs import PostProcessingSpec
from mabe_core.testing.findings import Fault, Subject, Suite
from mabe_core.testing.samples import data_shape, noise
from mabe_core.training.post_processing import decide

Probabilities = NDArray[np.floating]

FPS = 30.0
LENGTHS = (200, 7, 1)


@attrs.frozen(eq=False)
class Case:
    """One way that frames may be labelled: what it is fitted on and learned, and the map."""

    context: FittingContext
    fitted: Mapping[str, Any]
    map: PostProcessing


@attrs.frozen(eq=False)
class Cases:
    """The component for classes that exclude each other and for such that do not, where it takes them."""

    subject: Subject
    each: tuple[Case, ...]


def prepare(subject: Subject) -> Cases:
    """Fit and build it, for both kinds of classes; it may refuse one of them with a UserError."""
    found, refused = [], []
    for exclusive in (True, False):
        context = made_up(exclusive)
        try:
            fitted = _fitted(subject, context)
            found.append(Case(context, fitted, subject.build(context.data, fitted)))
        except UserError as error:
            refused.append(error)
    if not found:
        raise refused[0]
    return Cases(subject, tuple(found))


def made_up(exclusive: bool) -> FittingContext:
    """Return three validation stretches of bouts, seen through noise, and two training label tracks."""
    data = attrs.evolve(data_shape(6, 4, 20), exclusive=exclusive)
    tracks = [_labels(data, frames, seed) for seed, frames in enumerate((300, 120, 45, 400, 9))]
    scored = tuple(
        ScoredFrames(
            f"recording{seed}",
            ("resident", "intruder"),
            FPS,
            truth,
            found,
            decide(found, exclusive=exclusive),
        )
        for seed, truth in enumerate(tracks[:3])
        for found in (_probability(data, truth, seed),)
    )
    return FittingContext(data, scored, tuple(LabelledFrames(FPS, truth) for truth in tracks[3:]))


def what_it_learns_is_json(cases: Cases) -> None:
    """What `fit` gives is kept beside the weights as JSON, and says the same when it is read back."""
    for case in cases.each:
        try:
            again = json.loads(json.dumps(dict(case.fitted), allow_nan=False))
        except (TypeError, ValueError) as error:
            raise Fault(f"what it learned cannot be kept as JSON: {error}") from error
        rebuilt = cases.subject.build(case.context.data, again)
        for stretch in case.context.scored:
            if not np.array_equal(rebuilt(stretch.probability, FPS), case.map(stretch.probability, FPS)):
                raise Fault("read back from JSON, what it learned gives other probabilities")


def fitting_repeats(cases: Cases) -> None:
    """The same recordings give the same fit, and nothing is written into them."""
    for case in cases.each:
        before = [stretch.probability.copy() for stretch in case.context.scored]
        if _fitted(cases.subject, case.context) != case.fitted:
            raise Fault("fitted again on the same recordings, it learns something else")
        if any(
            not np.array_equal(stretch.probability, kept)
            for stretch, kept in zip(case.context.scored, before, strict=True)
        ):
            raise Fault("fitting writes into the probabilities that it is given: work on a copy")


def probabilities_for_probabilities(cases: Cases) -> None:
    """Stretches of any length, one frame too, keep shape and number format, and stay within 0 and 1."""
    for case, frames in itertools.product(cases.each, LENGTHS):
        data = case.context.data
        single = _probability(data, _labels(data, frames, 0), 7)
        _check_map(case.map, single)
        _check_map(case.map, single.astype(np.float64))


def _check_map(function: PostProcessing, given: Probabilities) -> None:
    found: object = function(given, FPS)
    if not isinstance(found, np.ndarray) or (found.shape, found.dtype) != (given.shape, given.dtype):
        what = f"{found.shape} of {found.dtype}" if isinstance(found, np.ndarray) else repr(found)
        raise Fault(f"probabilities {given.shape} of {given.dtype} become {what}")
    if not ((found >= 0) & (found <= 1)).all():
        raise Fault("probabilities become others than numbers from 0 to 1")


def its_input_is_left_as_it_was(cases: Cases) -> None:
    """Nothing is written into the probabilities that it is given."""
    for case in cases.each:
        given = case.context.scored[0].probability
        before = given.copy()
        case.map(given, FPS)
        if not np.array_equal(given, before):
            raise Fault("it writes into the probabilities that it is given: work on a copy")


def each_recording_by_itself(cases: Cases) -> None:
    """What becomes of a recording does not depend on those that came before it."""
    for case in cases.each:
        one, other, *_ = (stretch.probability for stretch in case.context.scored)
        first = case.map(one, FPS)
        case.map(other, FPS)
        if not np.array_equal(case.map(one, FPS), first):
            raise Fault("the same recording comes out differently the second time")


def certainty_is_left_as_it_is(cases: Cases) -> None:
    """Where a class is certain over a whole recording, it stays what is decided."""
    for case in cases.each:
        sure = np.zeros((60, case.context.data.num_classes), dtype=np.float32)
        sure[:, 1] = 1.0
        found = case.map(sure, FPS)
        if not (found.argmax(axis=1) == 1).all():
            raise Fault("a recording that certainly shows one class throughout is decided otherwise")


def values(cases: Cases) -> Iterator[Probabilities]:
    """Yield what becomes of made-up probabilities."""
    for case in cases.each:
        yield case.map(case.context.scored[0].probability.astype(np.float64), FPS)


def _fitted(subject: Subject, context: FittingContext) -> Mapping[str, Any]:
    fit = cast("PostProcessingSpec[Any]", subject.spec).fit
    return {} if fit is None else fit(subject.component.config, context)


def _labels(data: DataShape, frames: int, seed: int) -> NDArray[np.int8]:
    """Return bouts of 15 frames, some frames unlabelled."""
    turns = np.random.default_rng(seed).integers(0, data.num_classes, frames // 15 + 1)
    labels = np.zeros((frames, data.num_classes), dtype=np.int8)
    labels[np.arange(frames), np.repeat(turns, 15)[:frames]] = 1
    if not data.exclusive:
        labels[:, 0] |= labels[:, 2]
        labels[frames // 2 :, 3] = -1
    if frames > 20:
        labels[:5] = -1
    return labels


def _probability(data: DataShape, truth: NDArray[np.int8], seed: int) -> NDArray[np.float32]:
    scores = 2.0 * (truth == 1) - 1.0 + noise(*truth.shape, seed=seed).numpy()
    parts = np.exp(scores)
    whole = parts.sum(axis=1, keepdims=True) if data.exclusive else 1.0 + parts
    found: NDArray[np.float32] = (parts / whole).astype(np.float32)
    return found


SUITE = Suite(
    (
        what_it_learns_is_json,
        fitting_repeats,
        probabilities_for_probabilities,
        its_input_is_left_as_it_was,
        each_recording_by_itself,
        certainty_is_left_as_it_is,
    ),
    prepare,
    values,
)
