"""The losses, against torch's own and against formulas written out."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch import Tensor, nn

from mabe_core import DataShape, LossContext, UserError
from mabe_plugins.losses import mabe_losses
from tests.plugins.waiting import runs_without_waiting

SHAPE = DataShape(input_dim=28, num_classes=4, class_names=tuple("abcd"), sequence_length=10)
CONTEXT = LossContext(SHAPE, (60, 20, 15, 5))
SPECS = {spec.name: spec for spec in mabe_losses()}
EXCLUSIVE = [name for name, spec in SPECS.items() if spec.exclusive]


def build(name: str, context: LossContext = CONTEXT, **config: object) -> nn.Module:
    return SPECS[name].build(SPECS[name].config(**config), context)


def made_up(name: str = "", labelled: float = 0.7) -> tuple[Tensor, Tensor]:
    """Return scores (3, 10, 4) and targets of the form that the loss wants, some unlabelled."""
    generator = torch.Generator().manual_seed(0)
    scores = 3 * torch.randn(3, 10, 4, generator=generator, dtype=torch.float64)
    if name in SPECS and not SPECS[name].exclusive:
        targets = torch.randint(2, (3, 10, 4), generator=generator, dtype=torch.int8)
    else:
        targets = torch.randint(4, (3, 10), generator=generator)
    return scores, targets.masked_fill(torch.rand(targets.shape, generator=generator) >= labelled, -1)


def gradient(loss: nn.Module, scores: Tensor, targets: Tensor) -> Tensor:
    scores = scores.clone().requires_grad_()
    loss(scores, targets).backward()
    assert scores.grad is not None
    return scores.grad


@pytest.mark.parametrize("name", SPECS)
def test_nothing_labelled_costs_nothing_and_pulls_at_nothing(name):
    scores, targets = made_up(name, labelled=0.0)
    loss = build(name)
    assert loss(scores, targets).item() == 0.0
    assert not gradient(loss, scores, targets).any()


@pytest.mark.parametrize("name", EXCLUSIVE)
def test_frames_of_weight_0_alone_cost_nothing(name):
    scores, targets = made_up()
    loss = build(name, class_weights=(0.0, 1.0, 1.0, 1.0))
    if name != "smoothed_cross_entropy":
        assert loss(scores, torch.zeros_like(targets)).item() == 0.0
    assert gradient(loss, scores, torch.zeros_like(targets)).isfinite().all()


@pytest.mark.parametrize("name", SPECS)
def test_none_waits_for_the_device(name):
    loss = build(name)
    scores, targets = made_up(name)
    runs_without_waiting(lambda scores, targets: gradient(loss, scores, targets), scores, targets)


@pytest.mark.parametrize("name", SPECS)
def test_several_stages_cost_the_mean_of_what_each_costs(name):
    loss = build(name)
    scores, targets = made_up(name)
    stages = torch.stack([scores, -scores, 2 * scores])
    each = torch.stack([loss(stage, targets) for stage in stages])
    torch.testing.assert_close(loss(stages, targets), each.mean())


@pytest.mark.parametrize("name", SPECS)
def test_certain_and_right_or_wrong_scores_stay_finite(name):
    _, targets = made_up(name)
    present = targets > 0 if not SPECS[name].exclusive else nn.functional.one_hot(targets.clamp(min=0), 4) > 0
    for sign in (1e4, -1e4):
        scores = torch.where(present, sign, -sign)
        loss = build(name, gamma=0.5) if name == "focal" else build(name)
        assert loss(scores, targets).isfinite()
        assert gradient(loss, scores, targets).isfinite().all()


@pytest.mark.parametrize("weights", [None, (1.0, 2.0, 0.5, 4.0), "balanced"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_is_torchs_to_the_bit_in_value_and_gradient(weights, smoothing):
    scores, targets = (each.float() if each.is_floating_point() else each for each in made_up())
    loss = build("cross_entropy", class_weights=weights, label_smoothing=smoothing)
    known = weights
    if weights == "balanced":
        known = compute_class_weight(
            "balanced", classes=np.arange(4), y=np.repeat(np.arange(4), CONTEXT.class_counts)
        )
    expected = nn.CrossEntropyLoss(
        None if known is None else torch.tensor(known, dtype=torch.float32),
        ignore_index=-1,
        label_smoothing=smoothing,
    )
    flat, each = scores.flatten(0, 1), targets.flatten()
    bits = {"rtol": 0, "atol": 0} if weights is None and not smoothing else {"rtol": 1e-5, "atol": 1e-7}
    torch.testing.assert_close(loss(scores, targets), expected(flat, each), **bits)
    torch.testing.assert_close(
        gradient(loss, scores, targets).flatten(0, 1), gradient(expected, flat, each), **bits
    )


def test_focal_is_its_formula_and_cross_entropy_where_gamma_is_0():
    scores, targets = made_up()
    weights = (1.0, 2.0, 0.5, 4.0)
    costs = []
    for window in range(3):
        for frame in range(10):
            label = int(targets[window, frame])
            if label >= 0:
                p = float(scores[window, frame].softmax(-1)[label])
                costs.append(-weights[label] * (1 - p) ** 1.5 * math.log(p))
    found = build("focal", gamma=1.5, class_weights=weights)(scores, targets)
    assert found.item() == pytest.approx(np.mean(costs))
    plain = build("focal", gamma=0.0)(scores, targets)
    torch.testing.assert_close(plain, build("cross_entropy")(scores, targets))


def test_the_smoothing_penalty_is_the_papers():
    scores, targets = made_up()
    log_p = scores.log_softmax(-1)
    errors = [
        min(abs(float(log_p[w, t, c] - log_p[w, t - 1, c])), 2.5) ** 2
        for w in range(3)
        for t in range(1, 10)
        if targets[w, t] >= 0 and targets[w, t - 1] >= 0
        for c in range(4)
    ]
    loss = build("smoothed_cross_entropy", smoothing=0.3, truncate=2.5)
    expected = build("cross_entropy")(scores, targets).item() + 0.3 * np.mean(errors)
    assert loss(scores, targets).item() == pytest.approx(expected)


def test_the_penalty_pulls_a_frame_towards_the_one_before_it_only():
    scores = torch.zeros(1, 2, 4, dtype=torch.float64)
    scores[0, 0, 0] = 1.0
    targets = torch.zeros(1, 2, dtype=torch.int64)
    both = gradient(build("smoothed_cross_entropy"), scores, targets)
    plain = gradient(build("smoothed_cross_entropy", smoothing=0.0), scores, targets)
    assert torch.equal(both[0, 0], plain[0, 0])
    assert not torch.equal(both[0, 1], plain[0, 1])


def test_binary_cross_entropy_is_the_mean_over_what_is_labelled():
    scores, targets = made_up("binary_cross_entropy")
    weights = (1.0, 3.0, 1.0, 2.0)
    known = targets >= 0
    each = nn.functional.binary_cross_entropy_with_logits(
        scores,
        targets.clamp(min=0).double(),
        reduction="none",
        pos_weight=torch.tensor(weights, dtype=torch.float64),
    )
    found = build("binary_cross_entropy", positive_weights=weights)(scores, targets)
    torch.testing.assert_close(found, each[known].mean())


def test_weights_of_another_number_or_sign_are_refused():
    for name in EXCLUSIVE:
        with pytest.raises(UserError, match="2 weights for 4 classes: a, b, c, d"):
            build(name, class_weights=(1.0, 2.0))
        with pytest.raises(ValueError, match="class_weights must be >= 0"):
            build(name, class_weights=(0.0, 0.0, 0.0, 0.0))
    with pytest.raises(UserError, match="positive_weights has 1 weights for 4 classes"):
        build("binary_cross_entropy", positive_weights=(1.0,))
    with pytest.raises(ValueError, match="positive_weights must be above 0"):
        build("binary_cross_entropy", positive_weights=(1.0, 0.0, 1.0, 1.0))
