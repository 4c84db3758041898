"""The small built-in components, against formulas and against other libraries."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score

from mabe_core import DataShape, EncodingShape, Evaluation, LossContext, ScheduleContext, UserError
from mabe_plugins import losses, metrics, optimizers, schedulers
from mabe_plugins.positional_encodings import (
    LearnedConfig,
    RotaryConfig,
    SinusoidalConfig,
    build_learned,
    build_rotary,
    build_sinusoidal,
)

SHAPE = DataShape(input_dim=28, num_classes=4, class_names=tuple("abcd"), sequence_length=64)
ENCODING = EncodingShape(model_dim=32, head_dim=8, sequence_length=64)


@given(seed=st.integers(0, 2**32 - 1), classes=st.integers(2, 6), frames=st.integers(0, 60))
def test_scores_equal_scikit_learns_whatever_classes_are_absent(seed, classes, frames):
    rng = np.random.default_rng(seed)
    truth, found = rng.integers(0, rng.integers(1, classes + 1), (2, frames))
    confusion = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(confusion, (truth, found), 1)
    names = tuple("abcdef"[:classes])
    shape = DataShape(1, classes, names, 8)
    evaluation = Evaluation(confusion, 0.0, names)
    scores = metrics.build_f1(metrics.F1Config(), shape)(evaluation)
    accuracy = metrics.build_accuracy(metrics.AccuracyConfig(), shape)(evaluation)["accuracy"]
    if not frames:
        assert scores["macro_f1"] == accuracy == 0.0
        return
    labels = range(classes)
    assert scores["macro_f1"] == pytest.approx(
        f1_score(truth, found, labels=labels, average="macro", zero_division=0)
    )
    each = f1_score(truth, found, labels=labels, average=None, zero_division=0)
    assert [scores[f"f1_{name}"] for name in names] == pytest.approx(list(each))
    assert accuracy == pytest.approx(accuracy_score(truth, found))


def test_cosine_falls_from_the_learning_rate_to_min_lr_at_the_last_step():
    schedule = ScheduleContext(total_steps=100, steps_per_epoch=10, learning_rate=1e-4)
    factor = schedulers.build_cosine(schedulers.CosineConfig(min_lr=1e-6), schedule)
    rates = [1e-4 * factor(step) for step in range(100)]
    assert rates[0] == pytest.approx(1e-4)
    assert rates[-1] == pytest.approx(1e-6)
    assert all(before > after for before, after in itertools.pairwise(rates))
    expected = 1e-6 + (1e-4 - 1e-6) * (1 + math.cos(math.pi * 40 / 99)) / 2
    assert rates[40] == pytest.approx(expected)


def test_warm_up_rises_to_the_learning_rate_and_then_falls():
    schedule = ScheduleContext(total_steps=100, steps_per_epoch=10, learning_rate=1e-4)
    factor = schedulers.build_cosine(schedulers.CosineConfig(warmup_steps=9), schedule)
    rates = [factor(step) for step in range(100)]
    assert rates[:10] == pytest.approx([0.1 * (step + 1) for step in range(10)])
    assert max(rates) == rates[9]


def test_cosine_refuses_a_floor_above_the_rate_and_a_warm_up_without_end():
    schedule = ScheduleContext(total_steps=10, steps_per_epoch=10, learning_rate=1e-4)
    with pytest.raises(UserError, match="above the learning rate"):
        schedulers.build_cosine(schedulers.CosineConfig(min_lr=1e-3), schedule)
    with pytest.raises(UserError, match="warmup_steps"):
        schedulers.build_cosine(schedulers.CosineConfig(warmup_steps=10), schedule)


def test_cross_entropy_is_the_mean_over_labelled_frames():
    torch.manual_seed(0)
    scores, targets = torch.randn(2, 5, 4), torch.tensor([[0, 1, -1, 3, 2], [-1, -1, 1, 1, 0]])
    loss = losses.build_cross_entropy(losses.CrossEntropyConfig(), LossContext(SHAPE, (1, 1, 1, 1)))
    chosen = [
        -math.log(float(scores[b, f].softmax(-1)[targets[b, f]]))
        for b in range(2)
        for f in range(5)
        if targets[b, f] >= 0
    ]
    assert loss(scores, targets).item() == pytest.approx(np.mean(chosen), rel=1e-5)


def test_balanced_weights_make_rare_classes_count_as_much_as_common_ones():
    scores = torch.zeros(1, 4, 2)
    scores[..., 0] = 1.0
    targets = torch.tensor([[0, 0, 0, 1]])
    shape = DataShape(1, 2, ("a", "b"), 4)
    config = losses.CrossEntropyConfig(class_weights="balanced")
    loss = losses.build_cross_entropy(config, LossContext(shape, (3, 1)))
    each = torch.nn.functional.cross_entropy(scores[0], targets[0], reduction="none")
    expected = (each[0] + each[3]) / 2
    assert loss(scores, targets).item() == pytest.approx(expected.item(), rel=1e-5)


def test_weights_of_another_number_than_the_classes_are_refused_with_their_names():
    config = losses.CrossEntropyConfig(class_weights=(1.0, 2.0))
    with pytest.raises(UserError, match="2 weights for 4 classes: a, b, c, d"):
        losses.build_cross_entropy(config, LossContext(SHAPE, (1, 1, 1, 1)))


def test_adamw_decays_weights_apart_from_the_gradient():
    weight = torch.nn.Parameter(torch.tensor([2.0]))
    config = optimizers.AdamWConfig(learning_rate=0.1, weight_decay=0.5)
    optimizer = optimizers.build_adamw(config, [("w", weight)])
    weight.grad = torch.zeros(1)
    optimizer.step()
    assert weight.item() == pytest.approx(2.0 * (1 - 0.1 * 0.5))


def test_sinusoidal_adds_sines_and_cosines_of_the_published_wavelengths():
    encoding = build_sinusoidal(SinusoidalConfig(dropout=0.0), ENCODING)
    added = encoding.add(torch.zeros(1, 64, 32))[0]
    for place, column in ((0, 0), (5, 6), (63, 31)):
        angle = place / 10000 ** (2 * (column // 2) / 32)
        expected = math.sin(angle) if column % 2 == 0 else math.cos(angle)
        assert added[place, column].item() == pytest.approx(expected, abs=1e-5)


def test_rotary_scores_depend_on_the_distance_of_frames_alone():
    encoding = build_rotary(RotaryConfig(), ENCODING)
    torch.manual_seed(0)
    query, key = torch.randn(2, 1, 1, 1, 8)
    turned_query, turned_key = encoding.rotate(query.expand(1, 1, 64, 8), key.expand(1, 1, 64, 8))
    scores = (turned_query @ turned_key.transpose(-1, -2))[0, 0]
    for distance in (0, 1, 7, 30):
        diagonal = scores.diagonal(distance)
        assert diagonal == pytest.approx(diagonal[0].expand_as(diagonal), abs=1e-5)
    assert turned_query.norm(dim=-1) == pytest.approx(query.norm().expand(1, 1, 64), rel=1e-5)


def test_learned_positions_are_trained():
    encoding = build_learned(LearnedConfig(dropout=0.0), ENCODING)
    encoding.add(torch.zeros(2, 64, 32)).sum().backward()
    assert encoding.embedding.grad is not None
    assert encoding.embedding.grad.abs().min() > 0


@pytest.mark.parametrize(
    ("build", "config"), [(build_sinusoidal, SinusoidalConfig()), (build_rotary, RotaryConfig())]
)
def test_odd_widths_are_refused(build, config):
    with pytest.raises(UserError, match="even width"):
        build(config, EncodingShape(model_dim=7, head_dim=7, sequence_length=8))
