"""Windows: each training start fits, each validation frame counts once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mabe_core.data.windows import WindowShape, overlapping, tiling, training_starts


@given(frames=st.integers(1, 80), length=st.integers(1, 20), gap=st.integers(1, 5))
def test_every_training_window_lies_inside_and_every_place_is_used(frames, length, gap):
    shape = WindowShape(length, gap)
    starts = training_starts(np.ones(frames, dtype=bool), shape)
    assert list(starts) == list(range(max(frames - shape.span + 1, 0)))


@given(
    labelled=st.lists(st.booleans(), min_size=1, max_size=60), length=st.integers(1, 8), gap=st.integers(1, 3)
)
def test_a_training_window_holds_at_least_one_labelled_frame(labelled, length, gap):
    shape = WindowShape(length, gap)
    starts = set(training_starts(np.array(labelled), shape).tolist())
    for start in range(len(labelled) - shape.span + 1):
        assert (start in starts) == any(labelled[start : start + shape.span : gap])


@given(frames=st.integers(1, 120), length=st.integers(1, 20), gap=st.integers(1, 5))
def test_tiles_count_each_frame_they_can_reach_once(frames, length, gap):
    shape = WindowShape(length, gap)
    starts, counts = tiling(frames, shape)
    seen = np.zeros(frames, dtype=int)
    for start, counted in zip(starts, counts, strict=True):
        places = start + np.arange(length) * gap
        assert places[-1] < frames
        seen[places[counted]] += 1
    reachable = [(frames - 1 - frame % gap) // gap + 1 >= length for frame in range(frames)]
    assert seen.tolist() == [int(able) for able in reachable]


@pytest.mark.parametrize(("length", "gap", "span"), [(64, 1, 64), (64, 2, 127), (1, 9, 1)])
def test_a_window_spans_its_frames_and_the_gaps_between(length, gap, span):
    assert WindowShape(length, gap).span == span


@given(
    frames=st.integers(1, 120), length=st.integers(1, 20), gap=st.integers(1, 5), stride=st.integers(1, 20)
)
def test_overlapping_windows_hold_every_frame_and_run_past_the_end_only_where_none_fits(
    frames, length, gap, stride
):
    shape = WindowShape(length, gap)
    starts = overlapping(frames, shape, min(stride, length))
    assert list(starts) == sorted(set(starts))
    held = np.zeros(frames + shape.span, dtype=int)
    for start in starts:
        held[start : start + shape.span : gap] += 1
        assert start + shape.span <= frames or len(range(start % gap, frames, gap)) < length
    assert (held[:frames] > 0).all()
