"""The moving average of the weights: right, evaluated and saved as the model, resumed to the bit."""

from __future__ import annotations

import pytest
import torch
from torch.optim.swa_utils import AveragedModel

from mabe_core.training.average import Average
from mabe_core.training.precision import Precision
from mabe_core.training.state import capture, restore
from mabe_core.training.step import PlainStep, Step
from mabe_core.training.whole_step import WholeStep
from tests.training.attempts import RANDOM, assert_same_runs, bits, opened, run_in_pieces, run_whole
from tests.training.stepping import BFLOAT16, FLOAT64, experiment_of, fresh, parts_of, train

CPU = torch.device("cpu")


def averaging(kind: str, folder, precision: Precision = FLOAT64, decay: float = 0.9):
    experiment = experiment_of(folder)
    parts, data = parts_of(experiment, precision, CPU)
    step: Step = PlainStep(parts, data, experiment.training.grad_clip, precision, CPU)
    if kind == "whole":
        step = WholeStep(experiment, parts, data, precision, CPU)
    progress = fresh(CPU)
    progress.average = Average.of(step, decay)
    return step, data, progress


@pytest.mark.parametrize("kind", ["plain", "whole"])
def test_it_equals_torchs_own_average_of_the_same_training(tmp_path, kind):
    def share(average, weight, updates):
        decay = min(0.9, (1 + int(updates)) / (10 + int(updates)))
        return decay * average + (1 - decay) * weight

    step, data, progress = averaging(kind, tmp_path)
    plain, _, theirs_progress = averaging("plain", tmp_path)
    theirs = AveragedModel(plain.parts.model, avg_fn=share)
    theirs.update_parameters(plain.parts.model)  # copies the first weights
    for _ in range(20):
        train(step, data, progress, 1)
        train(plain, data, theirs_progress, 1)
        theirs.update_parameters(plain.parts.model)
    saved = capture(step, progress).model
    for name, tensor in theirs.module.named_parameters():
        torch.testing.assert_close(saved[name], tensor.detach(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("precision", [FLOAT64, BFLOAT16], ids=["float64", "bfloat16"])
def test_the_whole_step_goes_on_from_a_checkpoint_to_the_same_bits(tmp_path, precision):
    step, data, progress = averaging("whole", tmp_path, precision)
    train(step, data, progress, 5)
    saved = capture(step, progress)
    train(step, data, progress, 6)
    again, data, resumed = averaging("whole", tmp_path, precision)
    restore(again, resumed, saved)
    train(again, data, resumed, 6)
    expected, found = capture(step, progress), capture(again, resumed)
    for name, tensor in {**expected.model, **expected.training}.items():
        assert bits(tensor) == bits({**found.model, **found.training}[name]), name


@pytest.mark.parametrize("kind", ["plain", "whole"])
def test_validation_leaves_the_weights_as_they_were(tmp_path, kind):
    step, data, progress = averaging(kind, tmp_path, BFLOAT16 if kind == "whole" else FLOAT64)
    train(step, data, progress, 5)
    inputs = data.validation(data.validation_starts[:2])[0]
    before, saved = step.forward(inputs), capture(step, progress)
    with progress.average.in_place():
        averaged = step.forward(inputs)
    assert torch.equal(step.forward(inputs), before)
    assert not torch.equal(averaged, before)
    other, _, mine = averaging(kind, tmp_path, BFLOAT16 if kind == "whole" else FLOAT64)
    restore(other, mine, saved)
    with mine.average.in_place():
        assert torch.equal(other.forward(inputs), averaged)


def test_a_run_scores_and_keeps_the_average_and_resumes_to_the_bit(monkeypatch, tiny, tmp_path):
    settings = (*RANDOM, "training.ema_decay=0.99", "training.windows_per_epoch=44")
    whole = run_whole(tiny, tmp_path / "whole", *settings)
    pieces, stops = run_in_pieces(monkeypatch, 4, tiny, tmp_path / "pieces", *settings)
    assert stops == 3
    assert_same_runs(pieces, whole)
    without = run_whole(tiny, tmp_path / "without", *settings[:-2], settings[-1])
    assert whole.run.id != without.run.id
    told = [[line[key] for line in run.run.epochs()] for run in (whole, without) for key in ("train_loss",)]
    assert told[0] == told[1], "the average changes nothing of the training"
    assert whole.run.epochs()[0]["val_loss"] != without.run.epochs()[0]["val_loss"]


def test_a_decay_of_one_is_refused(tiny, tmp_path):
    with pytest.raises(ValueError, match="ema_decay"):
        opened(tiny, tmp_path, "training.ema_decay=1.0")
