"""Scoring whole recordings: each frame by every window that holds it, in pieces of any size."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
import torch

from mabe_core import DataShape, Pose, Recording, UserError, View
from mabe_core.discovery import load_plugins
from mabe_core.experiment import read_text, resolve
from mabe_core.training import scoring
from mabe_core.training.features import FeaturePipeline, view_layout
from mabe_core.training.post_processing import decide
from mabe_core.training.scoring import Scorer

TEXT = """\
name: scored
data:
  dataset: synthetic
  features: {features}
  sequence_length: {length}
  frame_gap: {gap}
model: transformer
"""


class Wavy(torch.nn.Module):
    """A model whose score of a frame depends on the whole window and on the frame's place in it."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.weight = torch.nn.Parameter(torch.randn(inputs, 3, generator=generator, dtype=torch.float64))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        place = torch.arange(inputs.shape[1], dtype=inputs.dtype)[:, None]
        return (inputs + inputs.cumsum(1) / 9 + place / 5).sin() @ self.weight


def recording(frames: int, missing: float = 0.1) -> Recording:
    rng = np.random.default_rng(3)
    points = rng.normal(size=(frames, 2, 2, 2)).astype(np.float32)
    points[rng.random(points.shape[:3]) < missing] = np.nan
    view = View((1, 0), np.zeros((frames, 3), dtype=np.int8))
    return Recording("film", points, 30.0, ("a", "b"), ("nose", "tail"), (view,))


def scorer(length: int, gap: int = 1, features: str = "[interpolate]", inputs: int = 8) -> Scorer:
    text = TEXT.format(length=length, gap=gap, features=features)
    data = resolve(read_text(text), load_plugins()).data
    names = tuple(f"{i}.{k}.{axis}" for i in (1, 2) for k in ("nose", "tail") for axis in "xy")
    shape = DataShape(inputs, 3, ("x", "y", "z"), length, gap, input_names=names[:inputs])
    return Scorer(Wavy(inputs), data, shape, torch.device("cpu"), torch.float64)


def expected(made: Scorer, film: Recording, start: int, stop: int) -> np.ndarray:
    """Score window by window, frame by frame, with features of the whole recording."""
    pipeline = FeaturePipeline.build(made.data, view_layout(film, (1, 0)))
    points = torch.as_tensor(film.points[:, [1, 0]], dtype=torch.float64)
    columns, _ = pipeline.columns(pipeline.local(pipeline.whole(Pose(points))))
    columns = columns[start:stop]
    length, gap = made.data.sequence_length, made.data.frame_gap
    found: dict[int, list[np.ndarray]] = {}
    for phase in range(min(gap, stop - start)):
        places = list(range(phase, stop - start, gap))
        firsts = [*range(0, len(places) - length, length // 2), max(len(places) - length, 0)]
        for first in firsts:
            window = places[first : first + length]
            padded = window + [window[-1]] * (length - len(window))
            with torch.no_grad():
                probability = made.model(columns[padded][None])[0].softmax(-1).numpy()
            for place, row in zip(window, probability, strict=False):
                found.setdefault(place, []).append(row)
    return np.array([np.mean(found[frame], axis=0) for frame in range(stop - start)])


@pytest.mark.parametrize(
    "features",
    [
        "[interpolate]",
        "[{name: interpolate, max_gap: 0.1}]",
        "[normalize, interpolate]",
        "[interpolate, normalize]",
    ],
)
@pytest.mark.parametrize(("length", "gap"), [(8, 1), (7, 3), (300, 1), (30, 9)])
@pytest.mark.parametrize("at_once", [1, 50, 16_384])
def test_each_frame_is_the_mean_over_the_windows_that_hold_it(monkeypatch, features, length, gap, at_once):
    monkeypatch.setattr(scoring, "FRAMES_AT_ONCE", at_once)
    made, film = scorer(length, gap, features), recording(250)
    for start, stop in ((0, 250), (40, 131)):
        found = made.probabilities(film, (1, 0), start, stop)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected(made, film, start, stop), atol=1e-6)


def test_a_recording_of_one_frame_is_scored():
    made = scorer(8, 2)
    np.testing.assert_allclose(made.probabilities(recording(1, 0.0), (1, 0)).sum(axis=1), [1.0], rtol=1e-6)


def test_too_little_memory_makes_batches_smaller_not_the_result_another(monkeypatch):
    made, film = scorer(8), recording(400)
    whole = made.probabilities(film, (1, 0))
    forward = made.model.forward
    sizes = []

    def small(inputs: torch.Tensor) -> torch.Tensor:
        sizes.append(len(inputs))
        if len(inputs) > 3:
            raise torch.OutOfMemoryError("no")
        return forward(inputs)

    monkeypatch.setattr(made.model, "forward", small)
    np.testing.assert_array_equal(made.probabilities(film, (1, 0)), whole)
    assert sizes[-1] <= 3 < sizes[0]


def test_what_checks_ends_the_scoring():
    made = scorer(8)

    def stop(_: int) -> None:
        raise UserError("stop")

    with pytest.raises(UserError, match="stop"):
        made.probabilities(recording(50), (1, 0), check=stop)


def test_missing_inputs_are_told_not_scored():
    made = scorer(8, features="[]")
    with pytest.raises(UserError, match=r"film: inputs are missing in frames .*interpolate"):
        made.probabilities(recording(50), (1, 0))


def test_other_inputs_than_the_model_was_trained_on_are_told():
    made = scorer(8)
    made = attrs.evolve(made, shape=attrs.evolve(made.shape, input_names=("1.nose.x", "1.ear.x")))
    with pytest.raises(UserError, match=r"8 inputs, the model was trained on 2: 1\.ear\.x"):
        made.probabilities(recording(50), (1, 0))


def test_one_class_is_predicted_where_they_exclude_each_other_and_each_above_a_half_where_not():
    probability = np.array([[0.4, 0.35, 0.25], [0.5, 0.5, 0.0]])
    assert decide(probability).tolist() == [[1, 0, 0], [1, 0, 0]]
    assert decide(np.array([[0.6, 0.7, 0.1]]), exclusive=False).tolist() == [[1, 1, 0]]
