"""The plugin keeps the promises of its kinds, and its own."""

from __future__ import annotations

import pytest
import torch

from mabe_core import Pose, PoseLayout
from mabe_core.testing import assert_passes, check_plugin
from mabe_tcn import MotionConfig, build_motion


def test_the_plugin_keeps_its_promises() -> None:
    assert_passes(check_plugin("mabe_tcn"))


def test_a_speed_is_in_units_of_the_points_a_second() -> None:
    layout = PoseLayout(("resident", "intruder"), ("nose", "tail"), 2, fps=30.0)
    points = torch.zeros(10, 2, 2, 2)
    points[:, 1, :, 0] = 5.0 + 2.0 * torch.arange(10.0)[:, None]  # the intruder walks 2 a frame
    columns = build_motion(MotionConfig(lag=2), layout)(Pose(points)).columns
    assert columns["speed"][5].tolist() == pytest.approx([0.0, 60.0])
    assert columns["speed"][1].tolist() == [0.0, 0.0], "not known yet"
    assert columns["distance"][4].tolist() == pytest.approx([13.0])
