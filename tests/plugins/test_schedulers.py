"""Learning rates from step to step, against torch's own schedulers."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch.optim.lr_scheduler import OneCycleLR, ReduceLROnPlateau

from mabe_core import ScheduleContext, UserError
from mabe_plugins.schedulers import mabe_schedulers

SPECS = {spec.name: spec for spec in mabe_schedulers()}


def rates(name: str, steps: int = 100, rate: float = 1e-3, **config: object) -> list[float]:
    spec = SPECS[name]
    factor = spec.build(spec.config(**config), ScheduleContext(steps, 10, rate))
    return [rate * factor(step) for step in range(steps)]


@pytest.mark.parametrize(("steps", "rising"), [(100, 0.3), (37, 0.5), (10, 0.05)])
def test_one_cycle_is_torchs(steps, rising):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1e-3)
    twin = OneCycleLR(optimizer, 1e-3, steps, pct_start=rising, div_factor=20.0, final_div_factor=100.0)
    expected = []
    for _ in range(steps):
        expected.append(twin.get_last_lr()[0])
        optimizer.step()
        if len(expected) < steps:
            twin.step()
    assert rates("one_cycle", steps, rising=rising, start_divisor=20.0, end_divisor=100.0) == pytest.approx(
        expected
    )


def test_constant_stays_at_the_learning_rate_after_its_warm_up():
    found = rates("constant", warmup_steps=4)
    assert found[:5] == pytest.approx([2e-4, 4e-4, 6e-4, 8e-4, 1e-3])
    assert set(found[5:]) == {1e-3}


def test_linear_falls_in_equal_steps_to_min_lr():
    found = rates("linear", warmup_steps=10, min_lr=1e-4)
    assert found[10] == pytest.approx(1e-3)
    assert found[-1] == pytest.approx(1e-4)
    falls = [before - after for before, after in itertools.pairwise(found[10:])]
    assert falls == pytest.approx([falls[0]] * len(falls))


@pytest.mark.parametrize("name", ["constant", "linear", "cosine"])
def test_a_warm_up_without_end_is_refused(name):
    with pytest.raises(UserError, match="warmup_steps 100 leaves nothing of 100 steps"):
        rates(name, warmup_steps=100)


def test_a_floor_above_the_learning_rate_is_refused():
    with pytest.raises(UserError, match="above the learning rate"):
        rates("linear", min_lr=1e-2)


@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize(
    "config",
    [
        {"patience": 0, "factor": 0.5, "min_lr": 1e-4},
        {"patience": 2, "factor": 0.3, "cooldown": 3, "min_lr": 0.0},
        {"patience": 1, "factor": 0.1, "min_delta": 0.2, "min_lr": 1e-5},
    ],
)
def test_plateau_is_torchs(config, lower):
    scores = torch.rand(40, generator=torch.Generator().manual_seed(1)).tolist()
    scores[7] = float("nan")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1e-3)
    given = {**config, "threshold": config.get("min_delta", 0.0)}
    given.pop("min_delta", None)
    twin = ReduceLROnPlateau(optimizer, "min" if lower else "max", threshold_mode="abs", **given)
    spec = SPECS["plateau"]
    errors = frozenset({"loss"} if lower else ())
    context = ScheduleContext(400, 10, 1e-3, scores=("loss", "f1"), lower_is_better=errors)
    factor = spec.build(spec.config(metric="loss", **config), context)
    assert factor(0) == factor(399) == 1.0
    for score in scores:
        twin.step(score)
        factor.epoch_ended({"loss": score, "f1": 0.0})
        assert 1e-3 * factor(17) == pytest.approx(twin.get_last_lr()[0], rel=1e-9)


def test_plateau_watches_the_monitor_and_refuses_a_score_that_is_not_there():
    spec = SPECS["plateau"]
    context = ScheduleContext(100, 10, 1e-3, scores=("loss", "macro_f1"), monitor="macro_f1")
    factor = spec.build(spec.config(patience=0), context)
    for score in (0.5, 0.4):
        factor.epoch_ended({"loss": -score, "macro_f1": score})
    assert factor(20) == pytest.approx(0.1)
    with pytest.raises(UserError, match=r"'makro_f1'. Did you mean 'macro_f1'"):
        spec.build(spec.config(metric="makro_f1"), context)
