"""The challenge's score, against its definition by sets of frames."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mabe_core import UserError
from mabe_plugins.mabe_f_beta import Interval, Video, f_beta

PAIRS = (("1", "2"), ("2", "1"), ("1", "self"))
ACTIONS = ("sniff", "chase", "groom")
EVERYTHING = frozenset((*pair, action) for pair in PAIRS for action in ACTIONS)
VIDEOS = {
    "v1": Video("x", EVERYTHING),
    "v2": Video("x", frozenset({("1", "2", "sniff"), ("2", "1", "chase")})),
    "v3": Video("y", EVERYTHING - {("1", "2", "chase")}),
}


def intervals(one_action: bool) -> st.SearchStrategy[list[Interval]]:
    """Return intervals anywhere; where one action is asked for, each pair does one thing at a time."""

    def made(cells: list[tuple[str, tuple[str, str], str, int]]) -> list[Interval]:
        taken: dict[tuple[str, tuple[str, str], int], Interval] = {}
        for number, (video, pair, action, place) in enumerate(cells):
            key = (video, pair, place) if one_action else (video, pair, place * 100 + number)
            taken[key] = Interval(video, *pair, action, 5 * place, 5 * place + 5)
        return list(taken.values())

    cell = st.tuples(
        st.sampled_from(sorted(VIDEOS)), st.sampled_from(PAIRS), st.sampled_from(ACTIONS), st.integers(0, 6)
    )
    return st.lists(cell, max_size=25).map(made)


def by_frames(truth: list[Interval], found: list[Interval], beta: float) -> float:
    """Return the score, counting frame by frame."""

    def frames(each: list[Interval]) -> set[tuple[str, str, str, str, int]]:
        return {
            (i.video, i.agent, i.target, i.action, frame)
            for i in each
            for frame in range(i.start, i.stop)
            if (i.agent, i.target, i.action) in VIDEOS[i.video].listed
        }

    wanted, given_ = frames(truth), frames(found)
    labs = []
    for lab in ("x", "y"):
        scores = []
        for action in ACTIONS:
            t, p = ({f for f in s if VIDEOS[f[0]].lab == lab and f[3] == action} for s in (wanted, given_))
            if t:
                both = (1 + beta**2) * len(t & p)
                scores.append(both / (both + beta**2 * len(t - p) + len(p - t)))
        if scores:
            labs.append(sum(scores) / len(scores))
    return sum(labs) / len(labs) if labs else 0.0


@given(intervals(False), intervals(True), st.sampled_from([0.5, 1.0, 2.0]))
def test_it_is_its_definition_by_sets_of_frames(truth, found, beta):
    assert f_beta(truth, found, VIDEOS, beta) == pytest.approx(by_frames(truth, found, beta))


def test_a_worked_example():
    truth = [Interval("v1", "1", "2", "sniff", 0, 10), Interval("v3", "1", "self", "groom", 0, 4)]
    found = [
        Interval("v1", "1", "2", "sniff", 5, 15),  # 5 right, 5 too many, 5 missed
        Interval("v1", "2", "1", "chase", 0, 100),  # never labelled in the lab: no matter
        Interval("v2", "1", "2", "groom", 0, 100),  # not listed in the video: no matter
    ]
    assert f_beta(truth, found, VIDEOS) == pytest.approx((0.5 + 0.0) / 2)
    assert f_beta(truth, [*found, *found], VIDEOS) == pytest.approx(0.25), "the same twice is the same"


@pytest.mark.parametrize(("start", "overlaps"), [(9, True), (10, False)])
def test_two_actions_of_a_pair_in_one_frame_are_refused(start, overlaps):
    found = [Interval("v1", "1", "2", "sniff", 0, 10), Interval("v1", "1", "2", "chase", start, 20)]
    if overlaps:
        with pytest.raises(
            UserError, match="video v1: 1 is predicted to do both sniff and chase to 2 in frame 9"
        ):
            f_beta([], found, VIDEOS)
    else:
        assert f_beta([], found, VIDEOS) == 0.0
    elsewhere = [
        Interval(video, *pair, "sniff", 0, 9) for video, pair in itertools.product(["v1", "v2"], PAIRS)
    ]
    assert f_beta([], elsewhere, VIDEOS) == 0.0


def test_an_unknown_video_and_an_empty_interval_are_refused():
    with pytest.raises(UserError, match="no video is named 'v9'"):
        f_beta([Interval("v9", "1", "2", "sniff", 0, 10)], [], VIDEOS)
    with pytest.raises(ValueError, match="stops at 3, and starts at 3"):
        Interval("v1", "1", "2", "sniff", 3, 3)
