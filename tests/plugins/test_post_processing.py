"""The built-in post-processing, against decoding by enumeration, SciPy's filter, scikit-learn's F1, and by hand."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import median_filter
from sklearn.metrics import f1_score

from mabe_core import DataShape, FittingContext, LabelledFrames, ScoredFrames
from mabe_core.discovery import load_plugins
from mabe_core.experiment.structure import resolve_component
from mabe_plugins.post_processing.hmm import posterior, viterbi

REGISTRY = load_plugins()
CLASSES = ("rest", "walk", "groom")


def shape(*, exclusive: bool = True) -> DataShape:
    return DataShape(4, 3, CLASSES, 16, exclusive=exclusive)


def track(*bouts: tuple[int, int]) -> np.ndarray:
    """Return labels int8 (frames, classes) of bouts (class, frames), one after another."""
    columns = np.concatenate([np.full(frames, number) for number, frames in bouts])
    return np.eye(3, dtype=np.int8)[columns]


def likely(labels: np.ndarray, sure: float = 0.8) -> np.ndarray:
    """Return probabilities that say these labels, each so surely."""
    return np.where(labels == 1, sure, (1 - sure) / 2).astype(np.float32)


def context(
    probabilities: list[np.ndarray],
    truths: list[np.ndarray],
    *,
    exclusive: bool = True,
    training: list[np.ndarray] | None = None,
) -> FittingContext:
    scored = tuple(
        ScoredFrames(f"r{number}", ("a", "b"), 10.0, truth, probability, truth)
        for number, (probability, truth) in enumerate(zip(probabilities, truths, strict=True))
    )
    labels = tuple(LabelledFrames(10.0, each) for each in training or truths)
    return FittingContext(shape(exclusive=exclusive), scored, labels)


def fitted(name: str, given: FittingContext, **settings: Any):
    """Return what a component learned, and its map."""
    component = resolve_component(REGISTRY.find("post_processing", name).spec, settings, REGISTRY)
    learned = component.spec.fit(component.config, given)
    return learned, component.build(given.data, learned)


def test_thresholds_reach_the_macro_f1_of_a_search_over_all_of_them():
    rng = np.random.default_rng(0)
    truth = np.eye(3, dtype=np.int8)[rng.choice(3, 600, p=[0.8, 0.15, 0.05])]
    scores = rng.normal(size=(600, 3)) + 1.2 * truth + np.array([3.0, 0.0, 0.0])
    probability = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    learned, improve = fitted("thresholds", context([probability], [truth]))

    def macro(added: tuple[float, ...]) -> float:
        guess = (np.log(probability) + added).argmax(1)
        return f1_score(truth.argmax(1), guess, average="macro")

    grid = np.linspace(-3, 3, 13)
    best = max(macro((0.0, *others)) for others in itertools.product(grid, grid))
    assert macro((0.0, 0.0, 0.0)) < best - 0.05
    assert macro(tuple(learned["added"])) > best - 0.01
    assert np.array_equal(
        improve(probability, 10.0).argmax(1), (np.log(probability) + learned["added"]).argmax(1)
    )


def test_each_class_has_its_own_threshold_where_classes_do_not_exclude_each_other():
    rng = np.random.default_rng(1)
    truth = (rng.random((3000, 3)) < [0.5, 0.2, 0.05]).astype(np.int8)
    truth[:1000, 1] = -1
    odds = rng.normal(size=(3000, 3)) + 2.0 * (truth == 1) - np.array([1.0, 2.0, 4.0])
    probability = 1 / (1 + np.exp(-odds))
    _, improve = fitted("thresholds", context([probability], [truth], exclusive=False))
    found = improve(probability, 10.0) > 0.5
    for column in range(3):
        known = truth[:, column] >= 0
        truly, each = truth[known, column], probability[known, column]
        best = max(
            f1_score(truly, each > threshold, zero_division=0) for threshold in np.linspace(0.01, 0.99, 50)
        )
        assert f1_score(truly, found[known, column]) > best - 0.01


def test_the_median_filter_is_scipys_and_its_length_is_in_seconds():
    probability = np.random.default_rng(2).dirichlet(np.ones(3), 500)
    given = context([probability], [track((0, 500))], exclusive=False)
    _, smooth = fitted("median_filter", given, seconds=[0.8])
    for fps, frames in ((10.0, 9), (25.0, 21)):
        expected = median_filter(probability, size=(frames, 1), mode="nearest")
        np.testing.assert_allclose(smooth(probability, fps), expected)


def test_the_length_that_scores_best_on_validation_is_chosen():
    truth = track((0, 60), (1, 60), (2, 60))
    noisy = truth.copy()
    noisy[::7] = np.roll(noisy[::7], 1, axis=1)
    learned, smooth = fitted("median_filter", context([likely(noisy)], [truth]), seconds=[0.0, 1.0, 9.0])
    assert learned == {"seconds": 1.0}
    assert (smooth(likely(noisy), 10.0).argmax(1) == truth.argmax(1)).mean() > 0.98


def test_gaps_are_closed_and_short_bouts_go_to_the_longer_neighbour():
    said = track((0, 40), (1, 3), (0, 30), (2, 4), (1, 50), (0, 2))
    _, improve = fitted("bout_length", context([likely(said)], [said]), closes=[0.3], shortest=[0.5])
    found = improve(likely(said), 10.0)
    assert np.array_equal(found.argmax(1), track((0, 77), (1, 52)).argmax(1))
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-6)
    # the same frames at 2 a second are seconds long, and stay
    assert np.array_equal(improve(likely(said), 2.0).argmax(1), said.argmax(1))


def test_each_class_by_itself_keeps_long_bouts_only():
    said = np.zeros((40, 3), dtype=np.int8)
    said[5:15, 0] = said[17:30, 0] = said[3:6, 1] = said[20:40, 2] = 1
    given = context([likely(said)], [said], exclusive=False)
    _, improve = fitted("bout_length", given, closes=[0.2], shortest=[0.4])
    expected = said.copy()
    expected[15:17, 0], expected[3:6, 1] = 1, 0
    assert np.array_equal(improve(np.where(said == 1, 0.9, 0.2), 10.0) > 0.5, expected == 1)


def every_path(scores: np.ndarray, moves: np.ndarray, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the posterior and the best path of one short track, by the probability of each path there is."""
    frames, states = scores.shape
    paths = np.array(list(itertools.product(range(states), repeat=frames)))
    logs = np.log(starts)[paths[:, 0]] + scores[np.arange(frames), paths].sum(1)
    logs += np.log(moves)[paths[:, :-1], paths[:, 1:]].sum(1)
    weights = np.exp(logs - logs.max())
    share = np.stack([[(weights * (paths[:, t] == s)).sum() for s in range(states)] for t in range(frames)])
    return share / weights.sum(), paths[logs.argmax()]


@pytest.mark.parametrize("seed", range(8))
def test_the_hmm_decodes_as_the_sum_and_the_best_of_all_paths(seed):
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(2, 6, 3))
    scores[1, 3:] = 0.0
    moves, starts = rng.dirichlet(np.ones(3), (2, 3)), rng.dirichlet(np.ones(3), 2)
    lengths = np.array([6, 3])
    shares, paths = posterior(scores, moves, starts, lengths), viterbi(scores, moves, starts, lengths)
    for number, length in enumerate(lengths):
        share, path = every_path(scores[number, :length], moves[number], starts[number])
        np.testing.assert_allclose(shares[number, :length], share)
        assert np.array_equal(paths[number, :length].argmax(1), path)


@pytest.mark.parametrize("decode", ["posterior", "viterbi"])
def test_the_hmm_takes_flicker_out_and_leaves_bouts_as_long_as_those_of_training(decode):
    truth = track((0, 80), (1, 90), (2, 70), (0, 60))
    noisy = truth.copy()
    noisy[::6] = np.roll(noisy[::6], 1, axis=1)
    learned, smooth = fitted("hmm", context([likely(noisy)], [truth]), decode=decode)
    found = smooth(likely(noisy), 10.0).argmax(1)
    assert (found == truth.argmax(1)).mean() > 0.98
    assert np.count_nonzero(np.diff(found)) == 3
    # rest to walk once in 14 seconds of rest, counted with 0.1 more than was seen
    assert learned["rates"][0][0][1] == pytest.approx(1.1 / 14.1)


def test_the_hmm_of_classes_that_do_not_exclude_each_other_smooths_each_by_itself():
    truth = np.zeros((200, 3), dtype=np.int8)
    truth[20:120, 0] = truth[60:160, 1] = 1
    truth[:100, 2] = -1
    noisy = np.where(truth == 1, 0.8, 0.2)
    noisy[::9] = 1 - noisy[::9]
    _, smooth = fitted("hmm", context([noisy], [truth], exclusive=False))
    found = smooth(noisy, 10.0) > 0.5
    assert (found == (truth == 1))[:, :2].mean() > 0.98
    assert np.count_nonzero(np.diff(found[:, :2], axis=0)) == 4
    alone = noisy.copy()
    alone[:, 1] = 0.5
    np.testing.assert_allclose(smooth(alone, 10.0)[:, 0], smooth(noisy, 10.0)[:, 0])


def test_transitions_are_a_second_so_that_another_frame_rate_keeps_the_lengths_of_bouts():
    truth = track((0, 100), (1, 100), (0, 100))
    noisy = likely(truth, 0.6)
    noisy[::5] = np.roll(noisy[::5], 1, axis=1)
    _, smooth = fitted("hmm", context([noisy], [truth]), scale=[1.0], prior=[0.0])
    slow, fast = smooth(noisy, 10.0), smooth(noisy, 1000.0)
    changes = [np.count_nonzero(np.diff(each.argmax(1))) for each in (slow, fast)]
    assert changes[1] <= changes[0] <= 4
