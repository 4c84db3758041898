"""The feature `clock`: when a frame is, whatever is done to the points."""

from __future__ import annotations

import math

import torch

from mabe_core import Pose, PoseLayout
from mabe_plugins.features.clock import ClockConfig, build_clock

LAYOUT = PoseLayout(("a",), ("nose", "tail"), 2, 20.0)


def test_columns_are_minutes_and_log_seconds_from_either_end():
    columns = build_clock(ClockConfig(), LAYOUT)(Pose(torch.full((2401, 1, 2, 2), torch.nan))).columns
    assert list(columns) == ["clock_start", "clock_end"]
    expected = torch.tensor([[0.0, 0.0], [1.0, math.log(61)], [2.0, math.log(121)]])
    torch.testing.assert_close(columns["clock_start"][[0, 1200, 2400]], expected)
    torch.testing.assert_close(columns["clock_end"], columns["clock_start"].flip(0))


def test_one_end_alone():
    columns = build_clock(ClockConfig(ends=("end",)), LAYOUT)(Pose(torch.zeros(5, 7, 1, 2, 2))).columns
    assert {name: column.shape for name, column in columns.items()} == {"clock_end": (5, 7, 2)}
