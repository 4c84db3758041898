"""Several processes that train one model: the same losses as one, whatever the loss, and no one left alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mabe_core.training.processes import ALONE
from tests.training.together import lanes, losses, together

# no dropout; batches of 7 of 24 windows: shares of 4 and 3, the last batch of 3 is shared as 2 and 1
MODELS = {
    "transformer": (),
    "stages": (
        "model={name: ms_tcn, channels: 8, num_layers: 2, dropout: 0.0}",
        "loss={name: smoothed_cross_entropy}",
    ),
    "weighted": ("loss={name: cross_entropy, class_weights: [1.0, 7.0]}",),
}
# 480 steps, far more than are done until the first checkpoints are seen
LONG = ("--set", "training.epochs=24", "--set", "training.windows_per_epoch=160", "--set", "threads=1")


@pytest.mark.parametrize("kind", ["plain", "whole"])
@pytest.mark.parametrize("model", MODELS)
def test_two_processes_lose_what_one_does(tmp_path, kind, model):
    alone = losses(kind, tmp_path, MODELS[model], 30, ALONE)
    both = together(2, tmp_path / "two", kind, MODELS[model], 30)
    assert both[0] == both[1]
    assert both[0] == pytest.approx(alone, rel=1e-9)
    assert alone[-1] < alone[0]


def test_more_processes_than_windows_lose_the_same(tmp_path):
    few = ("training.batch_size=2", "training.windows_per_epoch=5")
    alone = losses("whole", tmp_path, few, 9, ALONE)
    for each in together(3, tmp_path / "three", "whole", few, 9):
        assert each == pytest.approx(alone, rel=1e-9)


def test_dropout_differs_between_processes_and_goes_on_when_resumed(tmp_path):
    drop = ("model.dropout=0.5",)
    whole = together(2, tmp_path / "whole", "plain", drop, 12)
    resumed = together(2, tmp_path / "resumed", "plain", drop, 12, cut=5)
    assert resumed == whole
    one_mask = losses("plain", tmp_path, drop, 12, ALONE)
    assert whole[0] != pytest.approx(one_mask, rel=1e-6)


@pytest.mark.parametrize("kind", ["plain", "whole"])
@pytest.mark.parametrize("parts", [2, 3, 99])
def test_a_batch_in_parts_loses_what_it_does_whole(tmp_path, kind, parts):
    whole = losses(kind, tmp_path, (), 30, ALONE)
    assert losses(kind, tmp_path, (f"accumulate={parts}",), 30, ALONE) == pytest.approx(whole, rel=1e-9)


def test_parts_and_processes_go_together(tmp_path):
    whole = losses("whole", tmp_path, (), 12, ALONE)
    for each in together(2, tmp_path / "two", "whole", ("accumulate=2",), 12):
        assert each == pytest.approx(whole, rel=1e-9)


def test_each_window_is_scored_once_and_all_shares_are_of_one_size():
    for size, accumulate, count in [(7, 1, 2), (3, 1, 2), (16, 1, 4), (1, 1, 3), (10, 3, 2)]:
        seen = []
        for part in lanes(size, accumulate, count):
            assert len({len(lane) for lane in part}) == 1
            scored = [place for lane in part for place in lane]
            seen += sorted(set(scored))
        assert seen == list(range(size))


def others_of(process: subprocess.Popen[str]) -> list[int]:
    """Return the processes that train beside the first."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    commands = {int(pid): Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children}
    return [pid for pid, command in commands.items() if b"mabe_core.training.companion" in command]


def assert_ends(pid: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return
        if state == "Z":
            return
        time.sleep(0.05)
    raise AssertionError(f"{pid} lives on")


def wait_for_step(folder: Path, step: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        for last in (folder / "runs").glob("*/last.json"):
            if json.loads(last.read_text())["step"] >= step:
                return
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    raise AssertionError("no checkpoint came")


def test_a_run_of_two_is_killed_and_goes_on_alone_and_the_record_names_both(mabe, tiny, start_mabe, tmp_path):
    process = start_mabe("run", tiny, *LONG, "--num-gpus", 2)
    wait_for_step(tmp_path, 40, process)
    (other,) = others_of(process)
    process.send_signal(signal.SIGKILL)
    assert_ends(other)
    ended = mabe("run", tiny, *LONG, "--set", "training.epochs=24")
    assert ended.code == 0, ended.err
    assert "processes is 1, was 2" in " ".join((ended.out + ended.err).split())
    (run,) = (tmp_path / "runs").glob("*/record.json")
    record = json.loads(run.read_text())
    assert record["state"] == "finished"
    assert record["auto"]["processes"] == 1
    (change,) = record["changes"]
    assert change["step"] >= 40, ended.out + ended.err
    assert change["hardware"] == ["processes is 1, was 2"]


def test_where_another_process_dies_the_first_says_so_and_what_was_saved_stays(tiny, start_mabe, tmp_path):
    process = start_mabe("run", tiny, *LONG, "--num-gpus", 2)
    wait_for_step(tmp_path, 20, process)
    (other,) = others_of(process)
    os.kill(other, signal.SIGKILL)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "process 1 of 2 ended by signal 9" in out + err
    assert "Traceback" not in out + err
    (last,) = (tmp_path / "runs").glob("*/last.json")
    assert json.loads(last.read_text())["step"] >= 20


def test_ctrl_c_saves_once_and_ends_all(tiny, start_mabe, tmp_path):
    process = start_mabe("run", tiny, *LONG, "--num-gpus", 2)
    wait_for_step(tmp_path, 20, process)
    others = others_of(process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "and saved" in out + err
    for other in others:
        assert_ends(other)


def test_two_that_are_interrupted_and_resumed_end_as_two_that_were_not(mabe, tiny, start_mabe, tmp_path):
    settings = (*LONG, "--num-gpus", 2, "--set", "model.dropout=0.2")
    process = start_mabe("run", tiny, *settings)
    wait_for_step(tmp_path, 40, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert mabe("run", tiny, *settings).code == 0
    assert mabe("run", tiny, *settings, "--runs-dir", tmp_path / "undisturbed").code == 0

    def last_loss(folder: Path) -> float:
        (lines,) = folder.glob("*/metrics.jsonl")
        return float(json.loads(lines.read_text().splitlines()[-1])["train_loss"])

    assert last_loss(tmp_path / "runs") == last_loss(tmp_path / "undisturbed")


def test_a_device_for_each_process_is_asked_for_before_training(mabe, tiny):
    outcome = mabe("run", tiny, "--num-gpus", 2, "--device", "cuda:0")
    assert outcome.code == 2
    assert "cuda:0 is" in outcome.err
    assert mabe("run", tiny, "--num-gpus", 2, "--cloud").code == 2


def test_torchrun_starts_it_too(tiny, tmp_path):
    environment = {**os.environ, "MABE_RUNS": str(tmp_path / "runs"), "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*words, "-m", "mabe_core.cli", "run", str(tiny)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (run,) = (tmp_path / "runs").glob("*/record.json")
    record = json.loads(run.read_text())
    assert (record["state"], record["auto"]["processes"]) == ("finished", 2)
    assert done.stdout.count("experiment id") == 1
