"""The models of convolutions and recurrence: what of a window they see, and what their stages give."""

from __future__ import annotations

import attrs
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from mabe_core import DataShape, Pose, PoseLayout
from mabe_core.discovery import load_plugins
from mabe_core.experiment.structure import resolve_component
from mabe_plugins.temporal_convolutions.torch_coarse_to_fine import resampled
from tests.plugins.waiting import runs_without_waiting

SHAPE = DataShape(input_dim=6, num_classes=4, class_names=tuple("abcd"), sequence_length=64)
REGISTRY = load_plugins()
MODELS = ["tcn", "ms_tcn", "c2f_tcn", "conv1d_bilstm", "transformer"]
FEATURES = [
    spec.spec.name
    for spec in REGISTRY.all()
    if spec.spec.kind == "feature" and spec.origin.place == "built-in"
]


def build(name: str, shape: DataShape = SHAPE, **config: object) -> nn.Module:
    torch.manual_seed(0)
    return resolve_component(REGISTRY.find("model", name).spec, config, REGISTRY).build(shape)


def reach(model: nn.Module, frame: int, frames: int = 300) -> tuple[int, int]:
    """Return the first and last frame whose input moves the scores of one frame."""
    x = torch.zeros(1, frames, 6, dtype=torch.float64, requires_grad=True)
    scores = model.double().eval()(x + torch.randn(1, frames, 6, dtype=torch.float64))
    (gradient,) = torch.autograd.grad(scores[..., frame, :].sum(), x)
    seen = gradient[0].abs().sum(-1).nonzero()
    return int(seen.min()), int(seen.max())


@pytest.mark.parametrize(("layers", "kernel", "far"), [(4, 3, 15), (6, 3, 63), (3, 5, 14)])
def test_a_tcn_sees_as_far_to_either_side_as_its_help_says(layers, kernel, far):
    model = build("tcn", channels=32, num_layers=layers, kernel_size=kernel)
    assert reach(model, 150) == (150 - far, 150 + far)


@pytest.mark.parametrize("name", ["conv1d_bilstm", "c2f_tcn"])
def test_recurrence_and_coarse_frames_see_the_whole_window(name):
    first, last = reach(build(name), 32, 64)
    assert first == 0
    assert last == 63


def test_an_ms_tcns_later_stages_see_the_classes_of_the_one_before_alone():
    model = build("ms_tcn", num_stages=3, channels=8, num_layers=3).eval()
    x = torch.randn(2, 64, 6)
    scores = model(x)
    assert scores.shape == (3, 2, 64, 4)
    refined = model.stages[1](scores[0].softmax(-1).transpose(1, 2)).transpose(1, 2)
    torch.testing.assert_close(scores[1], refined)
    several = build(
        "ms_tcn", attrs.evolve(SHAPE, exclusive=False), num_stages=2, channels=8, num_layers=3
    ).eval()
    scores = several(x)
    refined = several.stages[1](scores[0].sigmoid().transpose(1, 2)).transpose(1, 2)
    torch.testing.assert_close(scores[1], refined)


def test_a_c2f_tcns_scores_are_the_mean_probabilities_of_all_frame_rates():
    model = build("c2f_tcn", channels=8, depth=2).eval()
    levels: list[Tensor] = []
    for leave in model.leave:
        leave.register_forward_hook(lambda _, __, out: levels.append(resampled(out, 64).softmax(1)))
    scores = model(torch.randn(2, 64, 6))
    assert len(levels) == 3
    torch.testing.assert_close(scores.softmax(-1), torch.stack(levels).mean(0).transpose(1, 2))
    both = build("c2f_tcn", attrs.evolve(SHAPE, exclusive=False), channels=8, depth=1).eval()
    assert both(torch.randn(2, 64, 6)).sigmoid().sum(-1).std() > 0


@pytest.mark.parametrize(("given", "wanted"), [(5, 10), (7, 13), (3, 64), (64, 64), (10, 4), (1, 9)])
def test_resampling_is_torchs_linear_interpolation(given, wanted):
    x = torch.randn(2, 3, given, dtype=torch.float64)
    torch.testing.assert_close(resampled(x, wanted), functional.interpolate(x, wanted, mode="linear"))


@pytest.mark.parametrize("name", MODELS)
def test_no_model_waits_for_the_device_forwards_or_backwards(name):
    model = build(name).train()
    x = torch.randn(2, 64, 6)
    runs_without_waiting(lambda: model(x).square().sum().backward())


@pytest.mark.parametrize("name", FEATURES)
def test_no_feature_waits_for_the_device(name):
    layout = PoseLayout(("resident", "intruder"), ("nose", "neck", "tail"), 2, 30.0)
    points = torch.randn(3, 40, 2, 3, 2)
    points[0, 3:9, 1] = torch.nan
    settings = [{}, {"method": "savitzky_golay"}] if name == "smooth" else [{}]
    for config in settings:
        feature = resolve_component(REGISTRY.find("feature", name).spec, config, REGISTRY).build(layout)
        runs_without_waiting(feature, Pose(points))
