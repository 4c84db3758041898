"""Losses and gradients that are not finite: where it happened, what is left, what `on_nan: skip` does."""

from __future__ import annotations

import re

import attrs
import pytest
import torch

from mabe_core.runs.checkpoints import newest_checkpoint
from mabe_core.training.not_finite import NotFiniteError
from mabe_core.training.run import train
from mabe_core.training.skipping import Skipping
from mabe_core.training.step import PlainStep
from mabe_core.training.whole_step import WholeStep
from tests.conftest import FILES
from tests.training.attempts import RANDOM, assert_same_runs, opened, run_in_pieces, run_whole
from tests.training.stepping import FLOAT64, experiment_of, parts_of

FAULTY = f"plugins=[{FILES / 'tiny.py'}, {FILES / 'faulty.py'}]"
SPOILED = (FAULTY, "loss=spoiled")
BY_GRADIENT = (FAULTY, "loss={name: spoiled, gradient: true}")
CPU = torch.device("cpu")


def batches(monkeypatch):
    """Return a list that fills with the starts of the batches that are trained on."""
    seen, step = [], PlainStep._step

    def noted(self, starts):
        seen.append(starts.tolist())
        return step(self, starts)

    monkeypatch.setattr(PlainStep, "_step", noted)
    return seen


def test_it_stops_with_step_frames_checkpoint_and_what_to_try(tiny, tmp_path, monkeypatch):
    seen = batches(monkeypatch)
    run = opened(tiny, tmp_path, *SPOILED, "loss.multiple=29", "checkpoint.every_steps=1")
    with pytest.raises(NotFiniteError) as raised:
        train(run)
    told = re.match(
        r"the loss became nan at step (\d+), in epoch (\d+), on frames (\d+) to (\d+) of (tiny\d) \(a, b\); .*; "
        r"and 2 more\. The last good checkpoint is (step-\d+)\. .*learning_rate.*on_nan=skip",
        str(raised.value),
    )
    assert told is not None, str(raised.value)
    done, epoch = int(told[1]), int(told[2])
    assert 11 * (epoch - 1) < done <= 11 * epoch
    assert told[6] == f"step-{done - 1:08d}"
    first = seen[done - 1][0]
    assert told[5] == f"tiny{first // 400}"
    assert (int(told[3]), int(told[4])) == (first % 400, first % 400 + 15)
    found, damage = newest_checkpoint(run.run.checkpoints)
    assert found is not None
    assert (found.name, damage) == (told[6], [])


def test_weights_that_are_not_finite_are_never_saved(tiny, tmp_path):
    run = opened(tiny, tmp_path, *BY_GRADIENT, "training.grad_clip=null", "checkpoint.every_steps=1")
    with pytest.raises(NotFiniteError, match=r"not finite after step|the loss became nan"):
        train(run)
    found, _ = newest_checkpoint(run.run.checkpoints)
    assert found is None or all(tensor.isfinite().all() for tensor in found.model.values())


@pytest.mark.parametrize("fault", [SPOILED, BY_GRADIENT], ids=["loss", "gradient"])
def test_skipping_trains_on_counts_and_resumes_to_the_bit(tiny, tmp_path, monkeypatch, fault):
    settings = (*RANDOM, *fault, "training.on_nan=skip", "training.windows_per_epoch=44")
    whole = run_whole(tiny, tmp_path / "whole", *settings)
    lines = whole.run.epochs()
    assert any(line["skipped_steps"] for line in lines)
    assert all(0 < line["train_loss"] < 2 for line in lines)
    pieces, stops = run_in_pieces(monkeypatch, 2, tiny, tmp_path / "pieces", *settings)
    assert stops == 6
    assert_same_runs(pieces, whole)


@pytest.mark.parametrize("kind", ["plain", "whole"])
@pytest.mark.parametrize("gradient", [False, True])
def test_a_skipped_step_changes_no_weight(tmp_path, kind, gradient):
    experiment = experiment_of(
        tmp_path, FAULTY, f"loss={{name: spoiled, multiple: 1, gradient: {str(gradient).lower()}}}"
    )
    parts, data = parts_of(experiment, FLOAT64, CPU)
    skipping = Skipping.on(CPU)
    parts = attrs.evolve(parts, loss=skipping.guard_loss(parts.loss))
    if kind == "plain":
        step = PlainStep(parts, data, 1.0, FLOAT64, CPU)
        skipping.guard(parts.optimizer)
    else:
        step = WholeStep(experiment, parts, data, FLOAT64, CPU)
        skipping.guard(step.optimizer)
    before = {name: tensor.clone() for name, tensor in step.state()[0].items()}
    loss_sum = torch.zeros((), dtype=torch.float64)
    step.begin(data.train_starts[:24], 0, 0, loss_sum)
    for _ in range(3):
        step.advance(1)
    assert int(skipping.skipped) == int(skipping.in_a_row) == 3
    assert loss_sum.isfinite()
    for name, tensor in step.state()[0].items():
        assert torch.equal(tensor, before[name]), name


def test_where_all_are_bad_it_stops_all_the_same(tiny, tmp_path):
    run = opened(tiny, tmp_path, *SPOILED, "loss.multiple=1", "training.on_nan=skip", "training.epochs=9")
    with pytest.raises(NotFiniteError, match=r"all of the last \d+ steps up to step 33, in epoch 3"):
        train(run)
