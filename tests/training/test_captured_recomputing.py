"""`activation_checkpointing` in a captured step, which needs a GPU: with `--noconftest`, as test_captured.py."""

from __future__ import annotations

import gc

import pytest
import torch

from mabe_core.training.choosing import choose_step
from tests.training.stepping import BFLOAT16, FLOAT32, experiment_of, fresh, parts_of, train

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")

WIDE = (
    "model.hidden_dim=64",
    "model.num_layers=4",
    "training.batch_size=256",
    "training.windows_per_epoch=1024",
)


def trained(tmp_path, precision, *settings: str):
    """Return losses, how steps were done, the bytes taken at most, and what was told."""
    device = torch.device("cuda")
    gc.collect()  # steps hold themselves, and what they captured
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated()
    experiment = experiment_of(tmp_path, *WIDE, *settings)
    parts, data = parts_of(experiment, precision, device)
    told: list[str] = []
    step = choose_step(experiment, parts, data, precision, device, told.append)
    torch.cuda.reset_peak_memory_stats()
    losses = train(step, data, fresh(device), 40)
    return losses, step.how, torch.cuda.max_memory_allocated() - before, told


@pytest.mark.parametrize("precision", [FLOAT32, BFLOAT16], ids=["fp32", "bf16"])
def test_it_is_captured_loses_the_same_and_takes_less_memory(tmp_path, precision):
    plain, _, peak, _ = trained(tmp_path, precision, "compile=never")
    again, how, less, told = trained(tmp_path, precision, "compile=never", "activation_checkpointing=true")
    assert told == []
    assert how == "captured"
    assert sum(again) == pytest.approx(sum(plain), rel=1e-4 if precision is FLOAT32 else 0.02)
    assert less < 0.8 * peak


def test_with_dropout_steps_are_plain_and_that_is_told(tmp_path):
    losses, how, _, (told,) = trained(tmp_path, FLOAT32, "model.dropout=0.1", "activation_checkpointing=true")
    assert how == "plain"
    assert "steps are plain" in told
    assert losses[-1] < losses[0]
