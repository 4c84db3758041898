"""What post-processing promises: scores for scores, a recording at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from mabe_core.testing.findings import Fault, Subject, Suite
from mabe_core.testing.samples import data_shape, noise

SHAPE = data_shape(6, 4, 20)

Map = Callable[[Tensor], Tensor]


def prepare(subject: Subject) -> Map:
    """Build it."""
    function: Map = subject.build(SHAPE)
    return function


def scores_for_scores(function: Map) -> None:
    """Recordings of any length, one frame too, keep shape and number format, and stay finite."""
    for frames in (200, 7, 1):
        for dtype in (torch.float32, torch.float64):
            scores = noise(frames, SHAPE.num_classes, dtype=dtype)
            found = function(scores)
            if not isinstance(found, Tensor) or found.shape != scores.shape or found.dtype != dtype:
                what = f"{tuple(found.shape)} of {found.dtype}" if isinstance(found, Tensor) else repr(found)
                raise Fault(f"scores {tuple(scores.shape)} of {dtype} become {what}")
            if not found.isfinite().all():
                raise Fault("finite scores become others")


def its_input_is_left_as_it_was(function: Map) -> None:
    """Nothing is written into the scores that it is given."""
    scores = noise(50, SHAPE.num_classes)
    before = scores.clone()
    function(scores)
    if not torch.equal(scores, before):
        raise Fault("it writes into the scores that it is given: work on a copy")


def each_recording_by_itself(function: Map) -> None:
    """A recording's scores do not depend on those that came before it."""
    scores = noise(50, SHAPE.num_classes)
    first = function(scores.clone())
    function(noise(30, SHAPE.num_classes, seed=1))
    if not torch.equal(function(scores.clone()), first):
        raise Fault("the same recording comes out differently the second time")


def values(function: Map) -> Iterator[Tensor]:
    """Yield what becomes of made-up scores."""
    yield function(noise(100, SHAPE.num_classes, dtype=torch.float64))


SUITE = Suite((scores_for_scores, its_input_is_left_as_it_was, each_recording_by_itself), prepare, values)
