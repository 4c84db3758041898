"""Event files, as TensorBoard itself reads them: the same curves as metrics.jsonl, in one piece."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.plugins.watched_runs import curves, damage, let_it_seem_interrupted
from tests.training.test_running import LONG, only_run, wait_for_checkpoint

WATCHED = ("--set", "watchers=[tensorboard]")


def shown(run: Path) -> dict[str, list[tuple[int, float]]]:
    """Return the points of each curve, as TensorBoard shows them."""
    read = EventAccumulator(str(run / "tensorboard"), size_guidance={"scalars": 0, "tensors": 0})
    read.Reload()
    return {tag: [(event.step, event.value) for event in read.Scalars(tag)] for tag in read.Tags()["scalars"]}


def expected(run: Path) -> dict[str, list[tuple[int, float]]]:
    """Return what metrics.jsonl says, in the precision that event files have."""
    return {
        name: [(step, float(np.float32(value))) for step, value in points.items()]
        for name, points in curves(run).items()
    }


def test_every_score_of_every_epoch_is_in_the_event_file(mabe, tiny, tmp_path):
    outcome = mabe("run", tiny, *WATCHED)
    assert "warning" not in outcome.out
    run = only_run(tmp_path)
    assert shown(run) == expected(run)
    assert {"train_loss", "val_macro_f1", "val_f1_meet", "learning_rate", "steps_per_second"} <= shown(
        run
    ).keys()
    assert [step for step, _ in shown(run)["val_loss"]] == [11, 22, 33, 44]


def test_the_experiment_is_shown_as_a_table(mabe, tiny, tmp_path):
    mabe("run", tiny, *WATCHED)
    read = EventAccumulator(str(only_run(tmp_path) / "tensorboard"))
    read.Reload()
    (tag,) = read.Tags()["tensors"]
    (table,) = read.Tensors(tag)[0].tensor_proto.string_val
    assert "| optimizer.learning_rate | `0.01` |" in table.decode().splitlines()


def test_an_interrupted_run_goes_on_in_the_same_curves(mabe, tiny, tmp_path, start_mabe):
    running = start_mabe("run", tiny, *LONG, *WATCHED)
    wait_for_checkpoint(tmp_path, 2)
    running.send_signal(signal.SIGKILL)
    running.communicate()
    assert mabe("run", tiny, *LONG, *WATCHED).code == 0
    run = only_run(tmp_path)
    assert len(list((run / "tensorboard").iterdir())) == 2
    assert shown(run) == expected(run)
    assert [step for step, _ in shown(run)["val_loss"]] == list(range(40, 481, 40))


@pytest.mark.parametrize(("damaged", "step"), [("step-00000044", 33), ("*", 0)])
def test_what_was_told_beyond_the_checkpoint_that_is_gone_on_from_is_purged(
    mabe, tiny, tmp_path, damaged, step
):
    mabe("run", tiny, *WATCHED)
    run = only_run(tmp_path)
    before = shown(run)
    let_it_seem_interrupted(run)
    for checkpoint in (run / "checkpoints").glob(damaged):
        damage(checkpoint)
    assert ("going on from step 33" in mabe("run", tiny, *WATCHED).out) == (step == 33)
    assert shown(run) == expected(run)
    assert shown(run)["val_loss"] == before["val_loss"]


@pytest.mark.parametrize("lost", ["all", "a part"])
def test_epochs_that_an_earlier_attempt_did_not_tell_are_told_by_the_next(mabe, tiny, tmp_path, lost):
    mabe("run", tiny, *(WATCHED if lost == "a part" else ()))
    run = only_run(tmp_path)
    if lost == "a part":
        (file,) = (run / "tensorboard").iterdir()
        content = file.read_bytes()
        file.write_bytes(content[: content.index(b"val_loss", len(content) * 2 // 3) + 3])
    let_it_seem_interrupted(run)
    mabe("run", tiny, *WATCHED)
    assert shown(run) == expected(run)
    assert json.loads((run / "record.json").read_text())["attempts"] == 2


def test_a_run_that_fails_leaves_a_whole_file(mabe, tiny, tmp_path):
    nan = ("--set", "optimizer.learning_rate=1e30", "--set", "training.grad_clip=null")
    assert mabe("run", tiny, *WATCHED, *nan).code == 1
    run = only_run(tmp_path)
    assert shown(run) == {}
    let_it_seem_interrupted(run)
    assert mabe("run", tiny, *WATCHED, *nan).code == 1
