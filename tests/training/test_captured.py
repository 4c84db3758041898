"""The captured step, which needs a GPU: `python -m pytest --noconftest tests/training/test_captured.py`."""

from __future__ import annotations

import os
from pathlib import Path

import attrs
import pytest
import torch
from torch import Tensor, nn

from mabe_core.experiment import Experiment
from mabe_core.training.captured_step import CapturedStep
from mabe_core.training.inputs import TrainingData
from mabe_core.training.precision import Precision
from mabe_core.training.state import capture, restore
from mabe_core.training.step import PlainStep, Step
from tests.training.stepping import BFLOAT16, FLOAT16, FLOAT32, FLOAT64, experiment_of, fresh, parts_of, train

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")

# cuBLAS is deterministic only so; it reads this when CUDA is first used
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

DROPOUT = ("model.dropout=0.1", "model.positional_encoding.dropout=0.1")
MODELS = {
    "sinusoidal": (),
    "learned": ("model.positional_encoding={name: learned, dropout: 0.0}",),
    "rotary": ("model.positional_encoding=rotary",),
}


def step_of(
    kind: str, experiment: Experiment, precision: Precision, told: list[str] | None = None
) -> tuple[Step, TrainingData]:
    device = torch.device("cuda")
    parts, data = parts_of(experiment, precision, device)
    if kind == "plain":
        return PlainStep(parts, data, experiment.training.grad_clip, precision, device), data
    tell = (lambda message: pytest.fail(message)) if told is None else told.append
    return CapturedStep(experiment, parts, data, precision, device, lowered=True, tell=tell), data


def losses(step: Step, data: TrainingData, steps: int) -> list[float]:
    return train(step, data, fresh(torch.device("cuda")), steps)


def means(values: list[float], of: int) -> list[float]:
    return [sum(values[place : place + of]) / of for place in range(0, len(values), of)]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("precision", "steps", "tolerance"), [(FLOAT32, 50, 1e-4), (FLOAT64, 100, 1e-9)], ids=["fp32", "fp64"]
)
def test_captured_and_plain_steps_lose_the_same(tmp_path, model, precision, steps, tolerance):
    experiment = experiment_of(tmp_path, *MODELS[model], "training.windows_per_epoch=143")
    plain = losses(*step_of("plain", experiment, precision), steps)
    captured = losses(*step_of("captured", experiment, precision), steps)
    # 143 windows make 20 batches of 7 and one of 3: epochs of 2 called steps, then replays of 8 and of 1
    ends = [place for place in range(steps) if place + 1 == steps or captured[place] != captured[place + 1]]
    totals = [(sum(plain[: end + 1]), sum(captured[: end + 1])) for end in ends]
    for one, other in totals:
        assert other == pytest.approx(one, rel=tolerance)
    assert plain[-1] < plain[0]


@pytest.mark.parametrize("precision", [BFLOAT16, FLOAT16], ids=["bf16", "fp16"])
def test_short_formats_train_nearly_as_float32_does(tmp_path, precision):
    experiment = experiment_of(tmp_path)
    exact = losses(*step_of("captured", experiment, FLOAT32), 120)
    short = losses(*step_of("captured", experiment, precision), 120)
    assert short[-1] < short[0]
    assert means(short, 40) == pytest.approx(means(exact, 40), rel=0.03)


@pytest.mark.parametrize("stop", [1, 2, 5, 13, 23])
def test_a_resumed_training_ends_with_the_same_bits(tmp_path, stop):
    experiment = experiment_of(tmp_path, *DROPOUT, "training.windows_per_epoch=143")
    torch.use_deterministic_algorithms(True)
    try:
        device = torch.device("cuda")
        whole, data = step_of("captured", experiment, BFLOAT16)
        progress = fresh(device)
        train(whole, data, progress, 40)
        expected = capture(whole, progress)
        begun, data = step_of("captured", experiment, BFLOAT16)
        progress = fresh(device)
        train(begun, data, progress, stop)
        saved = capture(begun, progress)
        going_on, data = step_of("captured", experiment, BFLOAT16)
        progress = fresh(device)
        restore(going_on, progress, saved)
        train(going_on, data, progress, 40 - stop)
        found = capture(going_on, progress)
    finally:
        torch.use_deterministic_algorithms(False)
    for name in expected.model:
        assert torch.equal(found.model[name], expected.model[name]), name
    for (
        name,
        tensor,
    ) in expected.training.items():  # of which one may be NaN: it has no second Gaussian in store
        torch.testing.assert_close(found.training[name], tensor, rtol=0, atol=0, equal_nan=True, msg=name)


@pytest.mark.filterwarnings("ignore")  # torch's own, of what it compiles
@pytest.mark.parametrize("precision", [FLOAT32, BFLOAT16], ids=["fp32", "bf16"])
def test_a_compiled_step_trains_as_the_written_one(tmp_path, precision):
    written = experiment_of(tmp_path)
    expected = losses(*step_of("captured", written, precision), 60)
    step, data = step_of("captured", attrs.evolve(written, compile="always"), precision)
    found = losses(step, data, 60)
    assert step.how == "captured, compiled"
    assert means(found, 20) == pytest.approx(means(expected, 20), rel=1e-3 if precision is FLOAT32 else 0.02)


def test_what_cannot_be_compiled_is_told_and_trained_as_written(tmp_path, monkeypatch):
    experiment = attrs.evolve(experiment_of(tmp_path), compile="always")
    expected = losses(*step_of("captured", attrs.evolve(experiment, compile="never"), FLOAT32), 30)

    def broken(*_: object) -> None:
        raise RuntimeError("no compiler here")

    told: list[str] = []
    step, data = step_of("captured", experiment, FLOAT32, told)
    monkeypatch.setattr(torch, "compile", lambda function, **_: broken)
    assert losses(step, data, 30) == pytest.approx(expected, rel=1e-4)
    assert step.how == "captured"
    assert told == ["the step cannot be compiled, and is not: no compiler here"]


def test_dropout_draws_anew_at_each_replay(tmp_path):
    experiment = experiment_of(
        tmp_path, *DROPOUT, "optimizer.learning_rate=1e-30", "scheduler=null", "training.batch_size=24"
    )
    assert len(set(losses(*step_of("captured", experiment, FLOAT32), 12))) == 12


class Waits(nn.Module):
    """A model whose forward waits for the device."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, inputs: Tensor) -> Tensor:
        scores: Tensor = self.inner(inputs)
        return scores if scores.sum().item() < 1e30 else scores * 0


def test_what_waits_for_the_device_is_called_and_told_once(tmp_path):
    experiment = experiment_of(tmp_path)
    expected = losses(*step_of("captured", experiment, FLOAT64), 30)
    told: list[str] = []
    device = torch.device("cuda")
    parts, data = parts_of(experiment, FLOAT64, device)
    waiting = attrs.evolve(parts, model=Waits(parts.model))
    step = CapturedStep(experiment, waiting, data, FLOAT64, device, lowered=True, tell=told.append)
    assert sum(losses(step, data, 30)) == pytest.approx(sum(expected), rel=1e-9)
    assert step.how == "called"
    (message,) = told
    assert "cannot be captured" in message


def test_an_optimizer_that_counts_on_the_host_is_called(tmp_path):
    plugin = tmp_path / "counting.py"
    plugin.write_text(
        '''"""An optimizer whose step count is a plain number."""
import attrs
from mabe_core import OptimizerSpec, hookimpl

@attrs.frozen
class Config:
    """Counts on the host."""
    learning_rate: float = attrs.field(default=1e-2, metadata={"help": "step size"})

def build(config, parameters):
    import torch
    class Counting(torch.optim.Optimizer):
        @torch.no_grad()
        def step(self):
            for group in self.param_groups:
                for p in group["params"]:
                    state = self.state[p]
                    state["step"] = state.get("step", 0) + 1
                    p.sub_(p.grad * group["lr"] / state["step"])
    return Counting([p for _, p in parameters], {"lr": config.learning_rate})

@hookimpl
def mabe_optimizers():
    return [OptimizerSpec(name="counting", config=Config, build=build, elementwise=True)]
'''
    )
    experiment = experiment_of(
        tmp_path, "optimizer=counting", f"plugins=[{plugin}, {Path(__file__).parents[1] / 'files/tiny.py'}]"
    )
    told: list[str] = []
    expected = losses(*step_of("plain", experiment, FLOAT64), 30)
    step, data = step_of("captured", experiment, FLOAT64, told)
    assert sum(losses(step, data, 30)) == pytest.approx(sum(expected), rel=1e-6)
    assert "step on the host" in told[0]
