"""Metrics that need every frame, against scikit-learn and against definitions written out frame by frame."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, f1_score

from mabe_core import DataShape, Evaluation, ScoredFrames, UserError
from mabe_plugins.metrics import mabe_metrics

SPECS = {spec.name: spec for spec in mabe_metrics()}
CLASSES = ("a", "b", "c")


def shape(exclusive: bool = True) -> DataShape:
    return DataShape(1, 3, CLASSES, 8, exclusive=exclusive)


def scored(
    truth: list[int], found: list[int], probability: NDArray[np.floating] | None = None
) -> ScoredFrames:
    """Return frames of one class each; -1 in truth is unlabelled."""
    known = np.array(truth)[:, None]
    labels = np.where(known < 0, -1, known == np.arange(3)).astype(np.int8)
    predicted = (np.array(found)[:, None] == np.arange(3)).astype(np.int8)
    if probability is None:
        probability = predicted.astype(np.float32)
    return ScoredFrames("r", ("x", "y"), 10.0, labels, probability, predicted)


def scores(name: str, *stretches: ScoredFrames, exclusive: bool = True, **config: object) -> dict[str, float]:
    metric = SPECS[name].build(SPECS[name].config(**config), shape(exclusive))
    return dict(metric(Evaluation(np.zeros((3, 3), dtype=np.int64), 0.0, CLASSES, stretches)))


def tracks(count: int) -> st.SearchStrategy[list[tuple[list[int], list[int]]]]:
    """Return stretches of few bouts, so that they overlap often; some frames are unlabelled."""
    runs = st.lists(st.tuples(st.integers(-1, 2), st.integers(1, 6)), min_size=1, max_size=8)
    track = runs.map(lambda each: [label for label, length in each for _ in range(length)])

    def cut(both: tuple[list[int], list[int]]) -> tuple[list[int], list[int]]:
        truth, found = both
        size = min(len(truth), len(found))
        return truth[:size], [max(label, 0) for label in found[:size]]

    return st.lists(st.tuples(track, track).map(cut), min_size=1, max_size=count)


def segments(labels: list[int], known: list[int], wanted: int) -> list[set[int]]:
    """Return the bouts of one class, each as its set of frames."""
    found: list[set[int]] = []
    for frame, label in enumerate(labels):
        if label == wanted and known[frame] >= 0:
            if found and frame - 1 in found[-1]:
                found[-1].add(frame)
            else:
                found.append({frame})
    return found


@given(tracks(3), st.sampled_from([0.1, 0.25, 0.5, 1.0]))
def test_segmental_f1_is_its_definition_by_sets_of_frames(stretches, overlap):
    right = false = missed = 0
    for truth, found in stretches:
        for number in range(3):
            left = segments(truth, truth, number)
            total, used = len(left), set()
            for bout in segments(found, truth, number):
                shares = [len(bout & each) / len(bout | each) for each in left]
                best = int(np.argmax(shares)) if shares else -1
                if best >= 0 and shares[best] >= overlap and best not in used:
                    used.add(best)
                else:
                    false += 1
            right += len(used)
            missed += total - len(used)
    expected = 2 * right / (2 * right + false + missed) if right + false + missed else 0.0
    found_scores = scores("segments", *(scored(*each) for each in stretches), overlaps=(overlap,))
    assert found_scores[f"segment_f1_{overlap * 100:g}"] == pytest.approx(expected)


def levenshtein(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    @functools.cache
    def distance(first: int, second: int) -> int:
        if not first or not second:
            return first + second
        change = one[first - 1] != other[second - 1]
        return min(
            distance(first - 1, second) + 1,
            distance(first, second - 1) + 1,
            distance(first - 1, second - 1) + change,
        )

    return distance(len(one), len(other))


def order(labels: list[int], known: list[int]) -> tuple[int, ...]:
    """Return the classes of all bouts in order of time."""
    starts = [(min(bout), number) for number in range(3) for bout in segments(labels, known, number)]
    return tuple(number for _, number in sorted(starts))


@given(tracks(3))
def test_the_edit_score_is_one_less_the_distance_over_the_longer_length(stretches):
    each = []
    for truth, found in stretches:
        one, other = order(truth, truth), order(found, truth)
        if one:
            each.append(1 - levenshtein(one, other) / max(len(one), len(other)))
    expected = np.mean(each) if each else 0.0
    assert scores("segments", *(scored(*pair) for pair in stretches))["edit_score"] == pytest.approx(expected)


@given(st.integers(0, 2**32 - 1), st.integers(2, 60), st.booleans())
def test_average_precision_is_scikit_learns_also_where_frames_tie(seed, frames, ties):
    rng = np.random.default_rng(seed)
    truth = rng.integers(-1, 3, frames)
    probability = rng.random((frames, 3)).astype(np.float32)
    if ties:
        probability = (probability * 4).round() / 4
    cut = frames // 2
    parts = [slice(None, cut), slice(cut, None)]
    found = scores("average_precision", *(scored(truth[p], truth[p] * 0, probability[p]) for p in parts))
    known = truth >= 0
    each = []
    for number, name in enumerate(CLASSES):
        present = truth[known] == number
        expected = average_precision_score(present, probability[known, number]) if present.any() else 0.0
        assert found[f"ap_{name}"] == pytest.approx(expected)
        each.append(expected)
    assert found["map"] == pytest.approx(np.mean(each))


def test_bouts_are_counted_and_timed_as_labelled_and_as_found():
    one = scored([0, 0, 1, 1, 1, 0], [0, 1, 1, 1, 1, 1])
    other = scored([-1, 1, 1, -1, 1, 2], [1, 1, 1, 1, 1, 2])
    found = scores("bouts", one, other)
    assert found["true_bouts_a"] == 2
    assert found["true_bout_seconds_a"] == pytest.approx(0.15)
    assert found["bouts_a"] == 1
    assert found["true_bouts_b"] == 3, "an unlabelled frame cuts a bout"
    assert found["bouts_b"] == 3
    assert found["bout_seconds_b"] == pytest.approx((5 + 2 + 1) / 3 / 10)
    assert scores("bouts")["bout_seconds_c"] == 0.0


def test_classes_can_be_left_out_of_each_score_of_all_classes():
    rng = np.random.default_rng(0)
    truth, found = rng.integers(0, 3, (2, 400))
    stretch = scored(truth.tolist(), found.tolist(), rng.random((400, 3)))
    confusion = np.zeros((3, 3), dtype=np.int64)
    np.add.at(confusion, (truth, found), 1)
    f1 = SPECS["f1"].build(SPECS["f1"].config(without=("b",)), shape())
    assert f1(Evaluation(confusion, 0.0, CLASSES))["macro_f1"] == pytest.approx(
        f1_score(truth, found, labels=[0, 2], average="macro")
    )
    ranked = scores("average_precision", stretch, without=("b",))
    assert ranked["map"] == pytest.approx((ranked["ap_a"] + ranked["ap_c"]) / 2)
    still = scored([1, 1, 0, 0, 1, 1], [1, 0, 1, 1, 0, 1])
    assert scores("segments", still, without=("b",))["segment_f1_10"] == 0.0
    assert scores("segments", still, without=("b",))["edit_score"] == pytest.approx(0.5), "a against a, a"


@pytest.mark.parametrize("name", ["f1", "average_precision", "segments"])
def test_a_class_left_out_must_exist_and_one_must_be_left(name):
    with pytest.raises(UserError, match=rf"{name}: without names 'd', which is no class"):
        scores(name, without=("d",))
    with pytest.raises(UserError, match="leaves no class to score"):
        scores(name, without=CLASSES)


def test_where_classes_may_overlap_bouts_are_scored_but_their_order_is_not():
    labels = np.zeros((10, 3), dtype=np.int8)
    labels[2:6, 0] = 1
    labels[4:9, 1] = 1
    labels[:, 2] = -1
    stretch = ScoredFrames(
        "r", ("x",), 10.0, labels, labels.astype(np.float32), (labels == 1).astype(np.int8)
    )
    assert scores("segments", stretch, exclusive=False) == {
        "segment_f1_10": 1.0,
        "segment_f1_25": 1.0,
        "segment_f1_50": 1.0,
    }


def test_in_training_they_are_not_computed_and_cannot_choose_the_best_epoch(mabe, tiny, tmp_path):
    words = ("run", tiny, "--set", "metrics=[f1, segments, average_precision, bouts]", "--set")
    outcome = mabe(*words, "training.epochs=1")
    assert outcome.code == 0, outcome.err
    (line,) = next((tmp_path / "runs").glob("*/metrics.jsonl")).read_text().splitlines()
    assert "val_macro_f1" in line
    assert "val_map" not in line
    refused = mabe(*words, "training.monitor=map")
    assert refused.code == 2
    assert "training.monitor: map is computed once, from all frames at the end" in refused.err
    assert "Name one of loss, macro_f1, f1_apart, f1_meet" in refused.err
    twice = mabe("run", tiny, "--set", "metrics=[f1, segments, segments]")
    assert "two metrics give a score named 'segment_f1_10'" in twice.err
