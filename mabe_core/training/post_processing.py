"""Post-processing: fitted step by step on validation recordings, then applied before frames are decided."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from mabe_core.errors import UserError
from mabe_core.exchange import DataShape, FittingContext, LabelledFrames, PostProcessing, ScoredFrames
from mabe_core.runs.post_processing import FittedPostProcessing, FittedStep
from mabe_core.specs import Component
from mabe_core.training.blame import blame

PLACE = "post_processing"


@attrs.frozen(eq=False)
class Chain:
    """The steps of an experiment, fitted; without steps probabilities stay as they are."""

    steps: tuple[tuple[Component[Any], PostProcessing], ...] = ()

    def __call__(self, probability: NDArray[np.floating], fps: float) -> NDArray[np.floating]:
        """Return what becomes of one stretch's probabilities (frames, classes)."""
        for component, step in self.steps:
            probability = _applied(component, step, probability, fps)
        return probability

    def then(self, component: Component[Any], step: PostProcessing) -> Chain:
        """Return a chain with one more step."""
        return Chain((*self.steps, (component, step)))


def fit_chain(
    components: Sequence[Component[Any]],
    shape: DataShape,
    scored: Sequence[ScoredFrames],
    training: Iterable[LabelledFrames],
    model: str,
) -> tuple[FittedPostProcessing, Chain]:
    """Fit each step to what the steps before it make of the validation stretches.

    model: SHA-256 of the weights. Raises UserError where a component raises, or gives what JSON cannot hold.
    """
    chain, steps = Chain(), []
    labels = tuple(training) if components else ()
    for component in components:
        assert component.spec is not None, "the experiment is resolved"
        fitted: dict[str, Any] = {}
        if component.spec.fit is not None:
            with blame(PLACE, component):
                found = component.spec.fit(component.config, FittingContext(shape, tuple(scored), labels))
                fitted = _as_json(component, found)
        step = _built(component, shape, fitted)
        chain = chain.then(component, step)
        steps.append(FittedStep(name=component.name, version=component.spec.version, fitted=fitted))
        scored = [_after(each, component, step, exclusive=shape.exclusive) for each in scored]
    return FittedPostProcessing(model=model, steps=tuple(steps)), chain


def build_chain(
    components: Sequence[Component[Any]], shape: DataShape, fitted: FittedPostProcessing
) -> Chain:
    """Build the steps out of what they learned."""
    chain = Chain()
    for component, step in zip(components, fitted.steps, strict=True):
        chain = chain.then(component, _built(component, shape, step.fitted))
    return chain


def decide(probability: NDArray[np.floating], *, exclusive: bool = True) -> NDArray[np.int8]:
    """Return what is predicted, int8 (frames, classes), 1 or 0, of probabilities (frames, classes).

    The most probable class, the first of equals; each above one half, where a frame may have several.
    """
    if not exclusive:
        return (probability > 0.5).astype(np.int8)
    predicted = np.zeros(probability.shape, dtype=np.int8)
    predicted[np.arange(len(probability)), probability.argmax(axis=1)] = 1
    return predicted


def _built(component: Component[Any], shape: DataShape, fitted: Mapping[str, Any]) -> PostProcessing:
    with blame(PLACE, component):
        step: PostProcessing = component.build(shape, fitted)
        return step


def _applied(
    component: Component[Any], step: PostProcessing, probability: NDArray[np.floating], fps: float
) -> NDArray[np.floating]:
    with blame(PLACE, component):
        found = step(probability, fps)
        if not isinstance(found, np.ndarray) or found.shape != probability.shape:
            what = found.shape if isinstance(found, np.ndarray) else type(found).__name__
            raise UserError(f"{component.name} makes {what} of probabilities {probability.shape}")
    return found


def _after(
    scored: ScoredFrames, component: Component[Any], step: PostProcessing, *, exclusive: bool
) -> ScoredFrames:
    probability = _applied(component, step, scored.probability, scored.fps)
    return attrs.evolve(scored, probability=probability, predicted=decide(probability, exclusive=exclusive))


def _as_json(component: Component[Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was learned as it is read back, so that a run's own scores and later ones are the same."""
    try:
        plain = json.loads(json.dumps(dict(found), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise UserError(
            f"post-processing {component.name} learned what JSON cannot hold: {error}. `fit` gives numbers, "
            "texts, lists and maps; `array.tolist()` makes a list"
        ) from error
    assert isinstance(plain, dict)
    return plain
