"""Early stopping: after how many epochs, by which score, the same after an interruption."""

from __future__ import annotations

import math

import pytest

from mabe_core.errors import UserError
from mabe_core.experiment.schema import EarlyStopping
from mabe_core.training.early_stopping import why_stop
from mabe_core.training.run import train
from tests.training.attempts import RANDOM, assert_same_runs, opened, run_in_pieces, run_whole

# the rate is so small that no score changes
STILL = ("optimizer.learning_rate=1e-30", "scheduler=null", "training.epochs=9")


def stops(scores, *, patience=2, lower=(), **asked):
    epochs = [{"f1": score} for score in scores]
    return bool(why_stop(EarlyStopping(patience=patience, **asked), "f1", lower, epochs))


@pytest.mark.parametrize(
    ("scores", "stopped"),
    [
        ([], False),
        ([0.5], False),
        ([0.5, 0.5], False),
        ([0.5, 0.5, 0.4], True),
        ([0.5, 0.4, 0.6], False),
        ([0.5, 0.4, 0.6, 0.6, 0.7, 0.1], False),
        ([0.5, math.nan, math.nan], True),
        ([math.nan, math.nan], True),
        ([math.nan, 0.1], False),
    ],
)
def test_it_ends_after_so_many_epochs_without_a_gain(scores, stopped):
    assert stops(scores) == stopped
    assert stops([-score for score in scores], lower={"f1"}) == stopped


def test_a_gain_has_to_be_more_than_min_delta():
    assert not stops([0.5, 0.52, 0.54], min_delta=0.01)
    assert stops([0.5, 0.52, 0.54], min_delta=0.05)


def test_a_run_ends_early_says_why_and_is_finished(mabe, tiny):
    words = [word for setting in STILL for word in ("--set", setting)]
    outcome = mabe("run", tiny, *words, "--set", "training.early_stopping={patience: 2}")
    assert outcome.code == 0, outcome.err
    assert "stopped early after epoch 3: macro_f1 has not got better for 2 epochs" in outcome.out
    assert "epoch   4" not in outcome.out
    again = mabe("run", tiny, *words, "--set", "training.early_stopping={patience: 2}")
    assert "is finished" in again.out
    assert "stopped early: macro_f1" in again.out


def test_an_interruption_changes_nothing_of_when_it_ends(monkeypatch, tiny, tmp_path):
    settings = (*RANDOM, *STILL, "training.early_stopping={patience: 3, metric: loss, min_delta: 9}")
    small = (*settings, "training.windows_per_epoch=16")
    pieces, stopped = run_in_pieces(monkeypatch, 3, tiny, tmp_path / "pieces", *small)
    assert stopped == 2
    assert pieces.record.epoch == 4
    assert "loss has not got better for 3 epochs" in pieces.record.stopped_early
    assert_same_runs(pieces, run_whole(tiny, tmp_path / "whole", *small))


def test_a_score_that_is_not_there_is_refused_with_the_nearest(tiny, tmp_path):
    run = opened(tiny, tmp_path, "training.early_stopping={patience: 1, metric: makro_f1}")
    with pytest.raises(UserError, match=r"training.early_stopping.metric: .*Did you mean 'macro_f1'"):
        train(run)


def test_only_where_it_is_asked_for_is_it_part_of_the_id(tiny, tmp_path):
    plain = opened(tiny, tmp_path).run.id
    assert opened(tiny, tmp_path, "training.early_stopping=null", "training.on_nan=stop").run.id == plain
    asked = {
        opened(tiny, tmp_path, setting).run.id
        for setting in (
            "training.early_stopping={patience: 2}",
            "training.early_stopping={patience: 3}",
            "training.ema_decay=0.9",
            "training.on_nan=skip",
        )
    }
    assert len(asked | {plain}) == 5


def test_a_schedule_that_watches_scores_resumes_to_the_bit(monkeypatch, tiny, tmp_path):
    settings = (
        *RANDOM,
        "training.epochs=6",
        "training.windows_per_epoch=16",
        "optimizer.learning_rate=0.3",
        "scheduler={name: plateau, patience: 0, factor: 0.5, metric: loss, min_delta: 9.0}",
    )
    whole = run_whole(tiny, tmp_path / "whole", *settings)
    rates = [line["learning_rate"] for line in whole.run.epochs()]
    assert rates[0] == pytest.approx(0.3)
    assert rates[-1] == pytest.approx(0.3 / 16)
    pieces, stops = run_in_pieces(monkeypatch, 3, tiny, tmp_path / "pieces", *settings)
    assert stops == 4
    assert_same_runs(pieces, whole)
