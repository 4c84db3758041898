"""What `smooth` makes of tracks, against SciPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import median_filter
from scipy.signal import savgol_filter
from torch import Tensor

from mabe_core import Feature, Pose, PoseLayout, UserError
from mabe_plugins.features.smooth import SmoothConfig, build_smooth

LAYOUT = PoseLayout(("resident", "intruder"), ("nose", "neck", "tail"), 2, 30.0)
NAN = float("nan")


def smooth(**config: object) -> Feature:
    return build_smooth(SmoothConfig(**config), LAYOUT)


def walk(frames: int = 50) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(frames, 2, 3, 2, generator=generator, dtype=torch.float64).cumsum(0)


@pytest.mark.parametrize(("window", "frames"), [(0.1, 5), (0.2, 7), (1.0, 31)])
def test_the_median_is_scipys_inside_and_of_what_there_is_at_the_ends(window, frames):
    points = walk()
    feature = smooth(window=window)
    half = feature.context
    assert 2 * half + 1 == frames
    found = feature(Pose(points)).points
    expected = median_filter(points.numpy(), size=(frames, 1, 1, 1))
    np.testing.assert_allclose(found[half:-half], expected[half:-half])
    np.testing.assert_allclose(found[0], np.median(points[: half + 1].numpy(), axis=0))


@pytest.mark.parametrize(("window", "order"), [(0.2, 2), (0.3, 3), (0.2, 0)])
def test_savitzky_golay_is_scipys_and_leaves_the_ends_alone(window, order):
    points = walk()
    feature = smooth(method="savitzky_golay", window=window, order=order)
    half = feature.context
    found = feature(Pose(points)).points
    expected = savgol_filter(points.numpy(), 2 * half + 1, order, axis=0)
    np.testing.assert_allclose(found[half:-half], expected[half:-half])
    assert torch.equal(found[:half], points[:half])


@pytest.mark.parametrize("method", ["median", "savitzky_golay"])
def test_gaps_stay_gaps_and_do_not_spread(method):
    points = walk()
    points[20:24, 0, 1] = NAN
    found = smooth(method=method)(Pose(points)).points
    assert torch.equal(found.isnan(), points.isnan())


def test_the_median_takes_out_a_jump_of_one_frame():
    points = torch.zeros(30, 2, 3, 2)
    points[12] = 500.0
    assert not smooth()(Pose(points)).points.any()


def test_a_window_too_short_for_the_polynomial_is_refused_with_what_would_do():
    with pytest.raises(UserError, match=r"0\.05 s are 3 frames .* degree 3.*at least 0\.13 s"):
        smooth(method="savitzky_golay", window=0.05, order=3)
