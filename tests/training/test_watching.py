"""Plugins that watch a run: what they are told, and that nothing they do changes it."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from mabe_core.discovery import load_plugins
from mabe_core.exchange import DataAccess
from mabe_core.experiment import read_document, resolve
from mabe_core.runs.opening import open_run
from mabe_core.training.events import Event, Warned
from mabe_core.training.interruption import Interrupted
from mabe_core.training.run import train
from mabe_core.training.watching import watched
from tests.conftest import FILES
from tests.fake_site import plugin
from tests.plugins.watched_runs import damage, let_it_seem_interrupted
from tests.training.test_running import LONG, assert_same_bits, final_weights, only_run, wait_for_checkpoint

WATCHER = FILES / "watcher.py"
NAN = ("--set", "optimizer.learning_rate=1e30", "--set", "training.grad_clip=null")


def seen(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "seen.jsonl").read_text().splitlines()]


def test_a_finished_run_is_told_from_start_to_end_in_order(mabe, tiny, tmp_path):
    assert mabe("run", tiny, "-p", WATCHER).code == 0
    run = only_run(tmp_path)
    told = seen(run)
    epochs = [("saved", 11), ("epoch", 11), ("saved", 22), ("epoch", 22)]
    epochs += [("saved", 33), ("epoch", 33), ("saved", 44), ("epoch", 44)]
    assert [(each["event"], each["step"]) for each in told] == [("started", 0), *epochs, ("finished", 44)]
    assert {each["state"] for each in told[:-1]} == {"running"}
    first, last = told[0], told[-1]
    assert (first["id"], first["name"], first["hidden"], first["epochs"]) == (run.name, "tiny", 16, [])
    assert first["flat"]["model.positional_encoding.name"] == "sinusoidal"
    assert first["flat"]["data.features"] == "[]"
    assert first["flat"]["metrics.1.name"] == "f1"
    assert all(each["whole"] for each in told if each["event"] == "saved")
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [each["metrics"] for each in told if each["event"] == "epoch"] == lines
    assert (last["state"], last["best"]) == (
        "finished",
        json.loads((run / "best.json").read_text())["checkpoint"],
    )


def test_a_run_that_is_finished_already_is_not_told_of_again(mabe, tiny, tmp_path):
    mabe("run", tiny, "-p", WATCHER)
    before = seen(only_run(tmp_path))
    mabe("run", tiny, "-p", WATCHER)
    assert seen(only_run(tmp_path)) == before


def test_a_run_that_fails_is_told_with_what_it_failed_of(mabe, tiny, tmp_path):
    assert mabe("run", tiny, "-p", WATCHER, *NAN).code == 1
    told = seen(only_run(tmp_path))
    assert [each["event"] for each in told] == ["started", "failed"]
    assert told[-1]["state"] == "failed"
    assert "the loss became nan at step 2, in epoch 1" in told[-1]["failure"]


def test_a_run_that_never_began_is_not_told_of(mabe, tiny, tmp_path):
    assert mabe("run", tiny, "-p", WATCHER, "--set", "data.num_classes=7").code == 2
    assert not list((tmp_path / "runs").iterdir())


def test_an_interrupted_run_is_told_when_it_starts_again_and_from_where(mabe, tiny, tmp_path, start_mabe):
    running = start_mabe("run", tiny, *LONG, "-p", WATCHER)
    wait_for_checkpoint(tmp_path, 2)
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=60)
    run = only_run(tmp_path)
    before = seen(run)
    stopped = json.loads((run / "last.json").read_text())
    # the file was copied into the run directory, so that `--resume` needs no `-p`
    assert mabe("run", "--resume", run.name).code == 0
    after = seen(run)[len(before) :]
    assert (before[-1]["event"] in ("saved", "epoch"), before[-1]["step"]) == (True, stopped["step"])
    again = after[0]
    assert (again["event"], again["attempts"], again["step"]) == ("started", 2, stopped["step"])
    assert again["epochs"] == list(range(1, stopped["epoch"] + 1))
    assert after[-1]["event"] == "finished"
    told = [each["metrics"]["epoch"] for each in (*before, *after) if each["event"] == "epoch"]
    assert told == list(range(1, 13))


HOSTILE = """
import random
from mabe_core import hookimpl

def spoil(value):
    if isinstance(value, dict):
        for key in list(value):
            spoil(value[key])
            value[key] = None if isinstance(value[key], (str, bool)) else -1
        value["new"] = 1
    elif isinstance(value, list):
        for item in value:
            spoil(item)
        value.clear()

def harm(run, *more):
    import numpy, torch
    for value in (run.experiment, run.record, *more):
        spoil(value)
    object.__setattr__(run, "folder", None)
    random.seed(0), numpy.random.seed(0), torch.manual_seed(0)

@hookimpl
def mabe_experiment_started(run, earlier):
    harm(run, earlier)

@hookimpl
def mabe_epoch_finished(run, metrics):
    harm(run, metrics)

@hookimpl
def mabe_checkpoint_saved(run, checkpoint):
    harm(run)

@hookimpl
def mabe_experiment_finished(run):
    harm(run)
"""


def test_whatever_a_watcher_does_to_what_it_is_given_the_run_is_the_same_to_the_bit(mabe, tiny, tmp_path):
    hostile = plugin(tmp_path, HOSTILE, "hostile.py")
    assert mabe("run", tiny, "--runs-dir", tmp_path / "plain" / "runs").code == 0
    outcome = mabe("run", tiny, "-p", hostile)
    assert outcome.code == 0, outcome.err
    assert "warning" not in outcome.out
    plain, spoiled = only_run(tmp_path / "plain"), only_run(tmp_path)
    assert plain.name == spoiled.name
    assert_same_bits(final_weights(plain), final_weights(spoiled))
    untimed = [
        [{k: v for k, v in json.loads(line).items() if "second" not in k} for line in text.splitlines()]
        for text in ((run / "metrics.jsonl").read_text() for run in (plain, spoiled))
    ]
    assert untimed[0] == untimed[1]
    records = [json.loads((run / "record.json").read_text()) for run in (plain, spoiled)]
    for record in records:
        del record["started"], record["updated"]
    assert records[0] == records[1]


RAISING = """
from mabe_core import hookimpl

@hookimpl
def mabe_epoch_finished(run):
    with (run.folder / "calls").open("a") as file:
        file.write("x")
    raise SystemExit("enough")
"""


def test_a_watcher_that_raises_is_told_once_with_its_own_line_and_left_out(mabe, tiny, tmp_path):
    raising = plugin(tmp_path, RAISING, "raising.py")
    outcome = mabe("run", tiny, "-p", raising, "-p", WATCHER)
    assert outcome.code == 0, outcome.err
    run = only_run(tmp_path)
    log = (run / "log.txt").read_text()
    assert log.count("warning:") == 1
    assert f"the watcher raising is left out of this attempt, which goes on: {raising}:8: " in log
    assert "mabe_epoch_finished raised SystemExit: enough" in log
    assert (run / "calls").read_text() == "x"
    assert seen(run)[-1]["event"] == "finished"


def test_a_watcher_that_holds_the_run_up_is_told_of(tiny, tmp_path):
    slow = plugin(
        tmp_path,
        "import time\nfrom mabe_core import hookimpl\n@hookimpl\ndef mabe_epoch_finished():\n    time.sleep(0.4)\n",
        "slow.py",
    )
    told: list[Event] = []
    observe_run(tiny, slow, tmp_path, told)
    (warned,) = [event.message for event in told if isinstance(event, Warned)]
    assert warned.startswith("the watcher slow took 1.6 of the run's ")


def test_a_second_ctrl_c_ends_a_run_that_a_watcher_holds_up(tiny, tmp_path):
    hanging = plugin(
        tmp_path,
        "import os, signal, time\nfrom mabe_core import hookimpl\n@hookimpl\ndef mabe_epoch_finished():\n"
        "    try:\n        os.kill(os.getpid(), signal.SIGINT); os.kill(os.getpid(), signal.SIGINT); time.sleep(9)\n"
        "    except Exception as error:\n        raise RuntimeError('cut off')\n",
        "hanging.py",
    )
    with pytest.raises(Interrupted, match="ended at once"):
        observe_run(tiny, hanging, tmp_path, [])


@pytest.mark.parametrize(
    "harm",
    [
        "os.chdir('/')",
        "torch.set_grad_enabled(False)",
        "torch.set_default_dtype(torch.float64)",
        "torch.set_default_device('meta')",
        "torch.set_num_threads(3)",
    ],
)
def test_what_a_watcher_sets_for_the_whole_process_does_not_reach_the_training(
    mabe, tiny, tmp_path, monkeypatch, harm
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MABE_RUNS", "runs")
    text = (
        "import os\nimport torch\nfrom mabe_core import hookimpl\n@hookimpl\ndef mabe_experiment_started(run):\n"
        f"    {harm}\n@hookimpl\ndef mabe_epoch_finished(run):\n    assert run.folder.is_absolute() and run.best.is_dir()\n"
    )
    outcome = mabe("run", tiny, "-p", plugin(tmp_path, text, "setting.py"), "--runs-dir", "runs")
    assert outcome.code == 0, outcome.err
    run = only_run(tmp_path)
    assert "warning:" not in (run / "log.txt").read_text()
    assert len((run / "metrics.jsonl").read_text().splitlines()) == 4
    assert torch.get_num_threads() == 1


def observe_run(file: Path, watcher: Path, folder: Path, told: list[Event]) -> None:
    document = read_document(file)
    registry = load_plugins((*document.plugin_files, watcher))
    opened = open_run(resolve(document, registry), registry, folder / "runs", DataAccess(()))
    train(opened, watched(opened, told.append))


def test_who_watches_is_no_part_of_the_id_and_a_local_file_is_kept_with_the_run(mabe, tiny, tmp_path):
    plain = mabe("run", tiny, "--dry-run").out.splitlines()[0]
    named = mabe("run", tiny, "--dry-run", "-p", WATCHER, "--set", "watchers=[tensorboard]").out.splitlines()[
        0
    ]
    assert plain == named
    mabe("run", tiny, "-p", WATCHER)
    run = only_run(tmp_path)
    assert (run / "plugins" / "watcher.py").read_bytes() == WATCHER.read_bytes()
    assert "plugins/watcher.py" in (run / "experiment.yaml").read_text()


def test_a_run_that_lost_its_checkpoints_is_told_to_start_from_the_beginning(mabe, tiny, tmp_path):
    mabe("run", tiny, "-p", WATCHER)
    run = only_run(tmp_path)
    let_it_seem_interrupted(run)
    for checkpoint in (run / "checkpoints").iterdir():
        damage(checkpoint)
    mabe("run", tiny, "-p", WATCHER)
    again = [each for each in seen(run) if each["event"] == "started"][1]
    assert (again["attempts"], again["step"], again["epochs"]) == (2, 0, [])
