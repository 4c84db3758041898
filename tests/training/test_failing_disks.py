"""Disks that are full, read-only or gone; locks that nobody holds; clocks that jump."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mabe_core.errors import RunError
from mabe_core.runs import record
from mabe_core.runs.checkpoints import checkpoint_names, newest_checkpoint, read_checkpoint
from mabe_core.training.events import Saved, Warned
from mabe_core.training.interruption import Interrupted, StopRequest
from mabe_core.training.run import train
from tests.training.attempts import assert_same_runs, opened, run_whole
from tests.training.test_running import only_run

LONG = ("training.epochs=9", "checkpoint={every_epochs: 1}")


def mount(*words: str | Path) -> bool:
    command = shutil.which("mount")
    return command is not None and subprocess.run([command, *words], capture_output=True).returncode == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a folder on a file system of 1.5 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if not mount("-t", "tmpfs", "-o", "size=1500k", "tmpfs", folder):
        pytest.skip("needs the right to mount a small file system; soak.boundaries simulates full ones")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk_ends_the_run_and_says_what_is_needed(tiny, tmp_path, small_disk):
    run = opened(tiny, small_disk / "runs", *LONG)
    told = []
    with pytest.raises(RunError) as raised:
        train(run, told.append)
    message = str(raised.value)
    assert message.startswith(f"{run.run.checkpoints}/step-000000"), message
    assert "cannot be written: No space left on device. It needs " in message
    needed, free = map(float, re.findall(r"([\d.]+) kB", message))
    assert 0 < free < needed
    assert "are free. Make room" in message
    found, damage = newest_checkpoint(run.run.checkpoints)
    assert found is not None
    assert damage == []
    saved = [event.checkpoint for event in told if isinstance(event, Saved)]
    assert saved[-1] == found.name, "what was told to be saved is there"
    assert json.loads(run.run.record.read_text())["state"] == "failed", "there was room for the record"
    assert mount("-o", "remount,size=40m", small_disk)
    again = opened(tiny, small_disk / "runs", *LONG)
    assert again.state == "resumed"
    train(again)
    assert_same_runs(again, run_whole(tiny, tmp_path / "whole", *LONG))


def test_a_disk_that_becomes_read_only_ends_the_run_with_its_first_reason(tiny, tmp_path, monkeypatch):
    def read_only(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    run = opened(tiny, tmp_path / "runs", *LONG)
    told = []
    with monkeypatch.context() as patched:

        def observe(event):
            told.append(event)
            if isinstance(event, Saved):
                patched.setattr(Path, "mkdir", read_only)
                patched.setattr(Path, "open", read_only)

        with pytest.raises(RunError, match=r"metrics.jsonl cannot be written: Read-only file system"):
            train(run, observe)
    assert any(isinstance(event, Warned) and "record.json" in event.message for event in told)
    again = opened(tiny, tmp_path / "runs", *LONG)
    assert again.state == "resumed"
    assert newest_checkpoint(again.run.checkpoints)[0] is not None


def test_a_directory_that_vanishes_ends_the_run_and_is_not_made_anew(tiny, tmp_path):
    run = opened(tiny, tmp_path / "runs", *LONG)

    def observe(event):
        if isinstance(event, Saved):
            shutil.rmtree(run.run.path)

    with pytest.raises(RunError, match=rf"{run.run.id}.* cannot be written: No such file or directory"):
        train(run, observe)
    assert not run.run.path.exists()


def test_a_lock_that_a_dead_process_left_is_no_lock(tiny, tmp_path):
    with subprocess.Popen(["true"]) as dead:
        pass
    run = opened(tiny, tmp_path / "runs", "training.epochs=1")
    run.run.path.mkdir(parents=True)
    (run.run.path / ".lock").touch()
    holder = {"pid": dead.pid, "host": os.uname().nodename, "since": "2020-01-01T00:00:00+00:00"}
    (run.run.path / "holder.json").write_text(json.dumps(holder))
    assert not run.run.is_held()
    assert train(run).state == "finished"


def test_a_clock_that_jumps_changes_nothing(mabe, tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(record, "now", lambda: "2099-12-31T23:59:59+00:00")
    stop = StopRequest()
    run = opened(tiny, tmp_path / "runs", "checkpoint.every_minutes=60")
    with pytest.raises(Interrupted):
        train(run, lambda event: stop.ask() if isinstance(event, Saved) else None, stop)
    monkeypatch.setattr(record, "now", lambda: "1970-01-02T00:00:00+00:00")
    again = opened(tiny, tmp_path / "runs", "checkpoint.every_minutes=60")
    assert again.state == "resumed"
    train(again)
    monkeypatch.undo()
    assert_same_runs(again, run_whole(tiny, tmp_path / "whole"))
    monkeypatch.setenv("MABE_RUNS", str(tmp_path / "runs"))
    listed = mabe("runs")
    assert listed.code == 0
    assert "finished" in listed.out


@pytest.mark.parametrize("fault", ["cut off", "bit", "missing file", "empty state"])
def test_where_the_newest_is_damaged_the_one_before_leads_to_the_same_end(tiny, tmp_path, fault):
    run = run_whole(tiny, tmp_path / "runs")
    expected = run_whole(tiny, tmp_path / "whole")
    newest, before = checkpoint_names(run.run.checkpoints)[:2]
    folder = run.run.checkpoints / newest
    file = folder / ("state.json" if fault == "empty state" else "training.safetensors")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 4
    match fault:
        case "cut off":
            file.write_bytes(content[: len(content) // 2])
        case "bit":
            file.write_bytes(content)
        case "missing file":
            file.unlink()
        case "empty state":
            file.write_bytes(b"")
    run.record.state = "interrupted"
    run.save()
    again = opened(tiny, tmp_path / "runs")
    told = []
    train(again, told.append)
    warnings = [event.message for event in told if isinstance(event, Warned)]
    assert any(str(file) in message for message in warnings), warnings
    assert f"1 checkpoint is damaged; {before} is used" in warnings
    assert_same_runs(again, expected)
    read_checkpoint(folder)  # written anew


def test_the_record_of_a_run_on_a_full_disk_is_told_by_its_command(mabe, tiny, small_disk):
    outcome = mabe("run", tiny, "--runs-dir", small_disk / "runs", "--set", LONG[0], "--set", LONG[1])
    assert outcome.code == 1
    assert "No space left on device. It needs" in outcome.err
    assert "Traceback" not in outcome.err
    assert only_run(small_disk).is_dir()
