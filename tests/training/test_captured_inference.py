"""Captured validation and scoring, which need a GPU: run with `--noconftest`, as test_captured.py."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from mabe_core.training.captured_forward import CALLED_FIRST, CapturedForward, inferring
from mabe_core.training.captured_step import CapturedStep
from mabe_core.training.feeding import Blocks
from mabe_core.training.inputs import TrainingData
from mabe_core.training.placing import Placing
from mabe_core.training.precision import Precision
from mabe_core.training.validation import validate, windows_at_once
from tests.training.stepping import BFLOAT16, FLOAT32, FLOAT64, data_of, experiment_of, fresh, parts_of, train

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")

MODELS = ("transformer", "conv1d_bilstm", "tcn", "ms_tcn", "c2f_tcn")
DEVICE = "cuda"


def silent(message: str) -> None:
    pytest.fail(message)


@pytest.fixture(autouse=True)
def exact(monkeypatch):
    """Let convolutions compute in float32 where that is asked for."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


def windows(data: TrainingData, count: int) -> Tensor:
    starts = data.train_starts[torch.arange(count) % len(data.train_starts)]
    return data.train(starts.to(DEVICE))[0]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("precision", "tolerance"), [(FLOAT32, 1e-5), (FLOAT64, 1e-10)], ids=["fp32", "fp64"]
)
def test_replayed_scores_are_the_models(tmp_path, model, precision, tolerance):
    device = torch.device(DEVICE)
    parts, data = parts_of(experiment_of(tmp_path, f"model={model}"), precision, device)
    parts.model.eval()
    forward = inferring(parts.model, parts.model, device, 32, silent)
    assert isinstance(forward, CapturedForward)
    for count in (32, 32, 32, 9, 20, 32, 3, 17, 32, 16, 9, 12):
        inputs = windows(data, count)
        with torch.no_grad():
            expected = parts.model(inputs)
        torch.testing.assert_close(forward(inputs), expected, rtol=tolerance, atol=tolerance)
    assert forward._graphs, "something was captured"


@pytest.mark.parametrize("precision", [FLOAT32, BFLOAT16], ids=["fp32", "bf16"])
def test_validation_between_captured_steps_follows_the_weights(tmp_path, precision: Precision):
    device = torch.device(DEVICE)
    experiment = experiment_of(tmp_path, "model.dropout=0.1", "data.dataset.frames=3000")
    parts, data = parts_of(experiment, precision, device)
    step = CapturedStep(experiment, parts, data, precision, device, lowered=True, tell=silent)
    forward = inferring(step.forward, parts.model, device, windows_at_once(data.shape), silent)
    progress, losses = fresh(device), []
    for _ in range(5):
        train(step, data, progress, 30)
        parts.model.train()
        expected = validate(step.forward, parts.model, parts.loss, data)
        found = validate(forward, parts.model, parts.loss, data)
        assert found.loss == pytest.approx(expected.loss, rel=1e-5 if precision is FLOAT32 else 0.02)
        losses.append(found.loss)
    assert len(set(losses)) == 5
    assert isinstance(forward, CapturedForward)
    assert forward._graphs


def test_weights_that_moved_are_seen(tmp_path):
    device = torch.device(DEVICE)
    parts, data = parts_of(experiment_of(tmp_path), FLOAT32, device)
    parts.model.eval()
    forward = inferring(parts.model, parts.model, device, 8, silent)
    inputs = windows(data, 8)
    for _ in range(CALLED_FIRST + 2):
        forward(inputs)
    for parameter in parts.model.parameters():
        parameter.data = parameter.data.clone() * 1.5
    with torch.no_grad():
        expected = parts.model(inputs)
    torch.testing.assert_close(forward(inputs), expected, rtol=1e-5, atol=1e-5)


class Waits(nn.Module):
    """A model that waits for the device, which cannot be captured, and draws random numbers."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, inputs: Tensor) -> Tensor:
        scores: Tensor = self.inner(inputs)
        assert torch.rand(1, device=inputs.device).item() <= 1
        return scores


def test_what_cannot_be_captured_is_called_told_once_and_leaves_random_numbers_usable(tmp_path):
    device = torch.device(DEVICE)
    parts, data = parts_of(experiment_of(tmp_path), FLOAT32, device)
    waits = Waits(parts.model).eval()
    told: list[str] = []
    forward = inferring(waits, waits, device, 8, told.append)
    inputs = windows(data, 8)
    with torch.no_grad():
        expected = parts.model.eval()(inputs)
    for _ in range(6):
        torch.testing.assert_close(forward(inputs), expected, rtol=1e-5, atol=1e-5)
    assert len(told) == 1
    assert torch.rand(100, device=device).std() > 0.1


def test_blocks_train_as_data_on_the_device_does_in_a_captured_step(tmp_path):
    """Data in the host's memory, copied beside replays: the same losses, the same addresses."""
    device = torch.device(DEVICE)
    experiment = experiment_of(tmp_path, "training.windows_per_epoch=143")
    losses = []
    for where in (Placing(), Placing("never", 7, 4 * 9 * 7 * 16 * 40)):
        data = data_of(experiment, FLOAT32, device, where)
        assert isinstance(data.feed, Blocks) == (where.asked == "never")
        parts, _ = parts_of(experiment, FLOAT32, device)
        step = CapturedStep(experiment, parts, data, FLOAT32, device, lowered=True, tell=silent)
        losses.append(sum(train(step, data, fresh(device), 100)))
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
