"""Saving: in mid-epoch, in the background, as many checkpoints as were asked for; resumed to the bit."""

from __future__ import annotations

import shutil
import threading
import time

import pytest
import torch

from mabe_core.errors import RunError
from mabe_core.runs.checkpoints import Checkpoint, checkpoint_names, newest_checkpoint, write_checkpoint
from mabe_core.training import saving
from mabe_core.training.events import Saved, Stepped
from mabe_core.training.run import train
from tests.training.attempts import RANDOM, assert_same_runs, observed, opened, run_in_pieces, run_whole


def saved_steps(run) -> list[int]:
    return [int(event.checkpoint[-8:]) for event in observed(run) if isinstance(event, Saved)]


def test_stopped_after_every_single_step_it_ends_with_the_same_bits(monkeypatch, tiny, tmp_path):
    settings = (*RANDOM, "training.windows_per_epoch=44")
    pieces, stops = run_in_pieces(monkeypatch, 1, tiny, tmp_path / "pieces", *settings)
    assert stops == 12  # 2 epochs of 6 steps; the last is stopped before the final scores
    assert_same_runs(pieces, run_whole(tiny, tmp_path / "whole", *settings))


def test_every_so_many_steps_one_is_written_in_mid_epoch_and_resumed_from(tiny, tmp_path):
    settings = (*RANDOM, "checkpoint.every_steps=4", "checkpoint.keep_last=99")
    run = opened(tiny, tmp_path / "runs", *settings)
    # 11 steps an epoch: at its end there is one anyway
    assert saved_steps(run) == [4, 8, 11, 12, 16, 20, 22]
    whole = run_whole(tiny, tmp_path / "whole", *RANDOM)
    assert_same_runs(run, whole)
    for name in ("step-00000020", "step-00000022"):
        (run.run.checkpoints / name / "model.safetensors").unlink()
    run.record.state = "interrupted"
    run.save()
    again = opened(tiny, tmp_path / "runs", *settings)
    assert saved_steps(again) == [20, 22]
    assert_same_runs(again, whole)


def test_minutes_are_counted_from_the_last_one_on_a_clock_that_cannot_be_set(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 0.0)
    run = opened(tiny, tmp_path / "runs", "training.epochs=1", "checkpoint.every_minutes=1e-9")
    assert saved_steps(run) == list(range(1, 12))


def test_the_last_and_the_best_ones_are_kept(tiny, tmp_path):
    settings = ("training.epochs=6", "checkpoint={every_epochs: null, keep_last: 1, keep_best: 3}")
    run = run_whole(tiny, tmp_path / "runs", *settings)
    ranked = sorted(run.run.epochs(), key=lambda line: -line["val_macro_f1"])
    kept = {66, *(line["step"] for line in ranked[:3])}
    assert checkpoint_names(run.run.checkpoints) == [
        f"step-{step:08d}" for step in sorted(kept, reverse=True)
    ]


def test_training_goes_on_while_a_checkpoint_is_written(tiny, tmp_path, monkeypatch):
    write, gate, threads = saving.write_checkpoint, threading.Event(), set()

    def slow(*words):
        threads.add(threading.current_thread())
        assert gate.wait(30), "no step was done meanwhile"
        return write(*words)

    def observe(event):
        if isinstance(event, Stepped) and event.step > 4:
            gate.set()

    monkeypatch.setattr(saving, "write_checkpoint", slow)
    monkeypatch.setattr("mabe_core.training.loop.LOOK_EVERY", 0.0)
    run = opened(tiny, tmp_path / "runs", "training.epochs=1", "checkpoint.every_steps=4")
    train(run, observe)
    assert threading.main_thread() not in threads
    assert run.record.state == "finished"


def test_what_goes_wrong_in_the_background_ends_the_training_soon_after(tiny, tmp_path, monkeypatch):
    steps = []
    write = saving.write_checkpoint

    def broken(folder, checkpoint):
        if checkpoint.state["step"] == 4:
            raise RunError("the disk is full")
        return write(folder, checkpoint)

    monkeypatch.setattr(saving, "write_checkpoint", broken)
    monkeypatch.setattr("mabe_core.training.loop.LOOK_EVERY", 0.0)
    run = opened(tiny, tmp_path / "runs", "training.epochs=50", "checkpoint.every_steps=2")
    with pytest.raises(RunError, match="the disk is full"):
        train(run, lambda event: steps.append(event.step) if isinstance(event, Stepped) else None)
    assert max(steps) <= 6, "the next checkpoint was not to begin"
    assert (run.record.state, run.record.failure) == ("failed", "the disk is full")
    found, damage = newest_checkpoint(run.run.checkpoints)
    assert found is not None
    assert (found.name, damage) == ("step-00000002", [])


def test_a_fault_after_the_last_step_is_told_too(tiny, tmp_path, monkeypatch):
    write = saving.write_checkpoint

    def broken(folder, checkpoint):
        if checkpoint.state["step"] == 44:
            raise RunError("the disk is full")
        return write(folder, checkpoint)

    monkeypatch.setattr(saving, "write_checkpoint", broken)
    run = opened(tiny, tmp_path / "runs")
    with pytest.raises(RunError, match="the disk is full"):
        train(run, lambda event: None)
    assert (run.record.state, run.record.epoch) == ("failed", 3)


OTHERS = {
    "no optimizer": lambda state, model, training: state.pop("optimizer"),
    "groups of another optimizer": lambda state, model, training: state["optimizer"].update(param_groups=[]),
    "ranking": lambda state, model, training: state.update(ranking=[1]),
    "scores": lambda state, model, training: state.update(scores=3),
    "a layer less": lambda state, model, training: model.popitem(),
    "a wider layer": lambda state, model, training: model.update({next(iter(model)): torch.zeros(99, 3)}),
    "no generators": lambda state, model, training: training.clear(),
}


@pytest.mark.parametrize("other", OTHERS)
def test_a_whole_checkpoint_of_another_model_is_told_and_left_alone(mabe, tiny, tmp_path, other):
    run = run_whole(tiny, tmp_path / "runs")
    found, _ = newest_checkpoint(run.run.checkpoints)
    assert found is not None
    state = {key: value for key, value in found.state.items() if key not in ("seal", "format", "sha256")}
    model, training = dict(found.model), dict(found.training)
    OTHERS[other](state, model, training)
    shutil.rmtree(run.run.checkpoints / found.name)
    written = write_checkpoint(run.run.checkpoints, Checkpoint(model, training, state))
    run.record.state = "interrupted"
    run.save()
    outcome = mabe("run", tiny, "--runs-dir", tmp_path / "runs")
    assert outcome.code == 2, outcome.err
    assert f"{found.name} does not fit what this experiment builds" in outcome.err
    assert "`--fresh` trains again" in outcome.err
    assert "Traceback" not in outcome.err
    assert written.is_dir()
