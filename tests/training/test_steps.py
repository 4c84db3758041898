"""One step, however it is executed: the same weights, the same checkpoints."""

from __future__ import annotations

import pytest
import torch

from mabe_core.experiment import Experiment
from mabe_core.training.inputs import TrainingData
from mabe_core.training.precision import Precision
from mabe_core.training.state import capture, restore
from mabe_core.training.step import PlainStep, Step
from mabe_core.training.whole_step import WholeStep
from tests.training.stepping import (
    BFLOAT16,
    CPU,
    FLOAT16,
    FLOAT32,
    FLOAT64,
    experiment_of,
    fresh,
    parts_of,
    train,
)

KINDS = ("plain", "whole")


def step_of(kind: str, experiment: Experiment, precision: Precision) -> tuple[Step, TrainingData]:
    parts, data = parts_of(experiment, precision, CPU)
    if kind == "plain":
        return PlainStep(parts, data, experiment.training.grad_clip, precision, CPU), data
    return WholeStep(experiment, parts, data, precision, CPU), data


@pytest.fixture
def few(tmp_path):
    return experiment_of(tmp_path)


def test_the_whole_step_trains_as_the_plain_one_does(few):
    losses = {}
    for kind in KINDS:
        step, data = step_of(kind, few, FLOAT64)
        losses[kind] = train(step, data, fresh(CPU), 40)
        assert step.rate() < 1e-3
    assert losses["plain"][-1] < losses["plain"][0]
    assert losses["whole"] == pytest.approx(losses["plain"], rel=1e-10)


@pytest.mark.parametrize("first", KINDS)
@pytest.mark.parametrize("second", KINDS)
def test_either_goes_on_from_the_others_checkpoint(few, first, second):
    undisturbed, data = step_of(first, few, FLOAT64)
    expected = train(undisturbed, data, fresh(CPU), 12)
    begun, data = step_of(first, few, FLOAT64)
    progress = fresh(CPU)
    train(begun, data, progress, 6)
    saved = capture(begun, progress)
    going_on, data = step_of(second, few, FLOAT64)
    progress = fresh(CPU)
    restore(going_on, progress, saved)
    exact = first == second
    assert train(going_on, data, progress, 6) == pytest.approx(expected[6:], rel=0 if exact else 1e-10)
    plain, _ = step_of("plain", few, FLOAT64)
    restore(plain, fresh(CPU), capture(going_on, progress))  # as torch's own optimizer over the parameters


def test_weights_are_kept_in_float32_beside_bfloat16(few):
    step, data = step_of("whole", few, BFLOAT16)
    assert {parameter.dtype for parameter in step.parts.model.parameters()} == {torch.bfloat16}
    losses = train(step, data, fresh(CPU), 40)
    assert losses[-1] < losses[0]
    plain, data = step_of("plain", few, FLOAT32)
    assert losses == pytest.approx(train(plain, data, fresh(CPU), 40), rel=0.05)
    model = capture(step, fresh(CPU)).model
    assert {tensor.dtype for tensor in model.values()} == {torch.float32}
    rounded = [tensor for tensor in model.values() if torch.equal(tensor, tensor.bfloat16().float())]
    assert len(rounded) < len(model) / 2, "the saved weights are the copies"


def test_a_gradient_that_overflows_changes_no_weight(few):
    step, data = step_of("whole", few, FLOAT32)
    step.scale = type(step.scale).of(FLOAT16, CPU)
    step.scale.factor.fill_(3e38)
    before = step.weights.master.clone()
    train(step, data, fresh(CPU), 1)
    assert torch.equal(step.weights.master, before)
    assert step.scale.factor.item() == pytest.approx(1.5e38)
    step.scale.factor.fill_(1024.0)
    train(step, data, fresh(CPU), 1)
    assert not torch.equal(step.weights.master, before)


@pytest.mark.filterwarnings("ignore")  # torch's own, of what it traces
@pytest.mark.parametrize("precision", [FLOAT32, BFLOAT16], ids=["fp32", "bf16"])
def test_a_compiled_step_trains_as_the_written_one_and_leaves_the_same_checkpoint(few, precision):
    written, data = step_of("whole", few, precision)
    progress = fresh(CPU)
    expected = train(written, data, progress, 12)
    form = capture(written, progress)
    step, data = step_of("whole", few, precision)
    progress = fresh(CPU)
    losses = train(step, data, progress, 2)
    step.compile("aot_eager")  # torch's own tracing, without the minutes of a C++ compiler
    losses += train(step, data, progress, 10)
    assert losses == pytest.approx(expected, rel=3e-4)
    saved = capture(step, progress)
    assert saved.state == form.state
    assert set(saved.training) == set(form.training)
    plain, _ = step_of("plain", few, precision)
    restore(plain, fresh(CPU), saved)
