"""Data that is larger than the device: it comes in blocks, and trains to the same bits."""

from __future__ import annotations

import re

import pytest
import torch

from mabe_core.training import placing
from mabe_core.training.events import Warned
from mabe_core.training.feeding import Blocks
from mabe_core.training.not_finite import NotFiniteError
from mabe_core.training.parts import build_parts
from mabe_core.training.placing import Placing
from mabe_core.training.run import train
from mabe_core.training.step import PlainStep
from mabe_core.training.whole_step import WholeStep
from tests.conftest import FILES
from tests.training.attempts import RANDOM, assert_same_runs, observed, opened, run_in_pieces, run_whole
from tests.training.stepping import CPU, FLOAT32, data_of, experiment_of, fresh
from tests.training.stepping import train as train_steps

# two steps of 8 windows, of 16 frames of 8 inputs and a target; 84 windows make 10 whole steps and half a one
TWO_STEPS = 2 * 8 * 16 * (8 * 4 + 8)


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(placing, "BLOCK_BYTES", TWO_STEPS)


@pytest.mark.parametrize(
    "settings",
    [("training.epochs=2", "model.dropout=0.1"), RANDOM, ("data.frame_gap=3", "training.epochs=2")],
    ids=["features", "augmented", "gap"],
)
def test_blocks_train_to_the_bits_of_data_on_the_device_also_when_stopped_and_resumed(
    tiny, tmp_path, monkeypatch, small_blocks, settings
):
    whole = run_whole(tiny, tmp_path / "whole", *settings, "data_on_device=always")
    blocks, stops = run_in_pieces(
        monkeypatch, 3, tiny, tmp_path / "blocks", *settings, "data_on_device=never"
    )
    assert stops > 5
    assert whole.record.auto["data"] == "on the device"
    assert "in the host's memory" in blocks.record.auto["data"]
    assert_same_runs(blocks, whole)
    assert blocks.run.id == whole.run.id


@pytest.mark.parametrize("augmentations", ["[]", "[turn]"])
@pytest.mark.parametrize("kind", [PlainStep, WholeStep])
def test_each_step_loses_the_same_whatever_the_block(tmp_path, kind, augmentations):
    experiment = experiment_of(tmp_path, f"data.augmentations={augmentations}", "data.features=[interpolate]")
    losses = []
    for where in (Placing(), *(Placing("never", 7, 2 * 2 * size) for size in (1, 20_000, 1 << 20))):
        data = data_of(experiment, FLOAT32, CPU, where)
        parts = build_parts(experiment, data, dtype=torch.float32, device=CPU)
        if kind is PlainStep:
            step = PlainStep(parts, data, 1.0, FLOAT32, CPU)
        else:
            step = WholeStep(experiment, parts, data, FLOAT32, CPU)
        losses.append(train_steps(step, data, fresh(CPU), 11))
    assert losses[1:] == [losses[0]] * 3


def test_what_lies_on_the_device_stays_within_the_budget_however_much_data_there_is(tmp_path):
    """The device is simulated: this counts what blocks and steps hold, not what an allocator takes beside."""
    experiment = experiment_of(tmp_path, "data.dataset.recordings=20", "data.dataset.frames=2000")
    budget = 400_000
    where = Placing("auto", 7, budget)
    data = data_of(experiment, FLOAT32, CPU, where)
    feed = data.feed
    assert isinstance(feed, Blocks)
    there = [*feed.held, *feed.staged]
    bytes_there = sum(tensor.nbytes for tensor in there)
    assert budget / 4 < bytes_there <= placing.SHARE * budget
    assert 2 * budget < 20 * 2000 * (8 * 4 + 8)
    step = PlainStep(build_parts(experiment, data, dtype=torch.float32, device=CPU), data, 1.0, FLOAT32, CPU)
    train_steps(step, data, fresh(CPU), 9)
    assert [tensor.data_ptr() for tensor in (*feed.held, *feed.staged)] == [
        tensor.data_ptr() for tensor in there
    ], "a captured step reads the same addresses"
    inside = {tensor.untyped_storage().data_ptr() for tensor in feed.held}
    read = (data.train.columns, data.train.targets)
    assert {tensor.untyped_storage().data_ptr() for tensor in read} == inside, "steps read nothing else"
    assert re.match(r"the data takes 0\.00 GB, more than 50% of the 0\.00 GB that are free", data.placed)


def test_that_it_does_not_fit_is_told_once_and_trained_all_the_same(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(Placing, "of", lambda experiment, device: Placing("auto", 8, 50_000))
    run = opened(tiny, tmp_path, "training.epochs=1")
    told = [event.message for event in observed(run) if isinstance(event, Warned)]
    assert len(told) == 1
    assert "it stays in the host's memory" in told[0]
    assert run.record.state == "finished"
    assert run.record.auto["data"] == "in the host's memory, 2 steps at a time on the device"


@pytest.mark.parametrize(
    ("asked", "free", "fits"),
    [
        ("auto", None, True),
        ("auto", 2000, True),
        ("auto", 1999, False),
        ("always", 1, True),
        ("never", None, False),
        ("never", 1 << 40, False),
    ],
)
def test_data_goes_to_the_device_where_it_leaves_half_of_what_is_free(asked, free, fits):
    assert Placing(asked, 16, free).fits(1000) is fits


def test_what_is_not_finite_is_told_with_its_own_recording_and_frames(tiny, tmp_path, small_blocks):
    faulty = (
        f"plugins=[{FILES / 'tiny.py'}, {FILES / 'faulty.py'}]",
        "loss={name: spoiled, multiple: 29}",
        "checkpoint.every_steps=1",
    )
    told = []
    for where in ("always", "never"):
        with pytest.raises(NotFiniteError) as raised:
            train(opened(tiny, tmp_path / where, *faulty, f"data_on_device={where}"))
        told.append(str(raised.value))
    assert re.search(r"on frames \d+ to \d+ of tiny\d \(a, b\)", told[0])
    assert told[0] == told[1]


def test_what_goes_wrong_beside_the_training_ends_it(tiny, tmp_path, monkeypatch, small_blocks):
    stage, staged = Blocks._stage, []

    def broken(feed, starts, free):
        staged.append(len(starts))
        if len(staged) == 3:
            raise RuntimeError("the disk behind it is gone")
        return stage(feed, starts, free)

    monkeypatch.setattr(Blocks, "_stage", broken)
    with pytest.raises(RuntimeError, match="the disk behind it is gone"):
        train(opened(tiny, tmp_path, "data_on_device=never"))
