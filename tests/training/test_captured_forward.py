"""Validation and scoring in batches of few sizes, each captured once; here without a GPU.

A stand-in calls again what a GPU would replay. That hides what only a GPU shows: whether kernels can be
captured, and the memory and the rounding of a replay. test_captured_inference.py asks a GPU.
"""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
import torch

from mabe_core.training import scoring
from mabe_core.training.captured_forward import CALLED_FIRST, CapturedForward
from mabe_core.training.validation import validate
from tests.training.stepping import CPU, FLOAT64, experiment_of, parts_of
from tests.training.test_scoring import recording, scorer


class CalledAgain:
    """In place of a CUDA stream and its graphs: a replay calls the function and writes where it wrote before."""

    def __init__(self, why_not: str = "") -> None:
        self.why_not = why_not
        self.captured = self.replayed = 0

    def aside(self):
        return contextlib.nullcontext()

    def forget(self) -> None:
        pass

    def capture(self, function):
        if self.why_not:
            raise RuntimeError(self.why_not)
        self.captured += 1
        result = function()

        def replay() -> None:
            self.replayed += 1
            result.copy_(function())

        return replay, result


def made(largest: int, why_not: str = "", scale: float = 2.0):
    """Return a captured linear model, its stream, the sizes of batches that it was given, and what it told."""
    model = torch.nn.Linear(3, 2, dtype=torch.float64)
    sizes: list[int] = []
    told: list[str] = []

    def forward(inputs):
        sizes.append(len(inputs))
        return model(inputs)

    stream = CalledAgain(why_not)
    return CapturedForward(forward, model, largest, stream, told.append), model, stream, sizes, told


def windows(count: int) -> torch.Tensor:
    return torch.randn(count, 5, 3, dtype=torch.float64)


def test_batches_are_padded_to_few_sizes_and_score_as_the_model_does():
    forward, model, stream, sizes, _ = made(largest=24)
    for count in (24, 7, 24, 1, 5, 24, 8, 23, 17, 24, 3, 7, 6):
        inputs = windows(count)
        scores = forward(inputs)
        assert scores.shape == (count, 5, 2)
        torch.testing.assert_close(scores, model(inputs))
    assert set(sizes) == {24, 8, 4, 1}
    assert stream.captured == 2, "of the sizes that came more than twice"
    assert stream.replayed > 0


def test_scores_of_stages_are_cut_to_the_windows_too():
    model = torch.nn.Linear(3, 2, dtype=torch.float64)
    forward = CapturedForward(
        lambda inputs: torch.stack([model(inputs), -model(inputs)]), model, 8, CalledAgain()
    )
    for _ in range(CALLED_FIRST + 2):
        inputs = windows(5)
        torch.testing.assert_close(forward(inputs), torch.stack([model(inputs), -model(inputs)]))


def test_weights_that_moved_are_seen():
    forward, model, stream, _, _ = made(largest=4)
    for _ in range(4):
        forward(windows(4))
    with torch.no_grad():
        model.weight.mul_(3.0)  # in place: the graph reads it
    assert stream.captured == 1
    model.weight.data = torch.randn(2, 3, dtype=torch.float64)
    inputs = windows(4)
    torch.testing.assert_close(forward(inputs), model(inputs))
    assert stream.captured == 2


def test_what_cannot_be_captured_is_called_and_told_once():
    forward, model, _, sizes, told = made(largest=4, why_not="it waits for the device\nmore")
    for _ in range(6):
        inputs = windows(3)
        torch.testing.assert_close(forward(inputs), model(inputs))
    assert len(sizes) == 6
    (message,) = told
    assert message.endswith("and is called instead: it waits for the device")


def captured_scorer(monkeypatch, stream: CalledAgain, length: int):
    monkeypatch.setattr(
        scoring,
        "inferring",
        lambda forward, model, device, largest, tell: CapturedForward(forward, model, largest, stream, tell),
    )
    return scorer(length)


@pytest.mark.parametrize(("length", "at_once"), [(8, 16_384), (8, 64), (7, 50), (300, 16_384)])
def test_recordings_are_scored_as_without_it(monkeypatch, length, at_once):
    monkeypatch.setattr(scoring, "FRAMES_AT_ONCE", at_once)
    films = [recording(frames) for frames in (400, 250, 9, 133, 400)]
    plain = scorer(length)
    expected = [plain.probabilities(film, (1, 0)) for film in films]
    stream = CalledAgain()
    made = captured_scorer(monkeypatch, stream, length)
    for film, each in zip(films, expected, strict=True):
        np.testing.assert_allclose(made.probabilities(film, (1, 0)), each, atol=1e-12)
    if at_once < 100:
        assert stream.replayed > 10


def test_too_little_memory_makes_batches_smaller_here_too(monkeypatch):
    film = recording(400)
    expected = scorer(8).probabilities(film, (1, 0))
    made = captured_scorer(monkeypatch, CalledAgain(), 8)
    forward, sizes = made.model.forward, []

    def small(inputs: torch.Tensor) -> torch.Tensor:
        sizes.append(len(inputs))
        if len(inputs) > 5:
            raise torch.OutOfMemoryError("no")
        return forward(inputs)

    monkeypatch.setattr(made.model, "forward", small)
    np.testing.assert_allclose(made.probabilities(film, (1, 0)), expected, atol=1e-12)
    assert sizes[-1] <= 5 < sizes[0]


def test_validation_counts_the_same(tmp_path):
    experiment = experiment_of(tmp_path, "data.dataset.frames=3000", "data.sequence_length=8")
    parts, data = parts_of(experiment, FLOAT64, CPU)
    expected = validate(parts.model, parts.model, parts.loss, data)
    stream = CalledAgain()
    forward = CapturedForward(parts.model, parts.model, 256, stream)
    for _ in range(3):
        found = validate(forward, parts.model, parts.loss, data)
        assert found.loss == pytest.approx(expected.loss, rel=1e-12)
        assert found.confusion.tolist() == expected.confusion.tolist()
    assert stream.replayed > 0
