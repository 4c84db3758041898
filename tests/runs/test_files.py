"""Files of a run directory: whole or absent; damage is told with file and line; nothing is left lying."""

from __future__ import annotations

import errno
import json
import os

import pytest

from mabe_core.errors import RunError, UserError
from mabe_core.runs import files
from mabe_core.runs.checkpoints import newest_checkpoint, prune, read_pointer, write_checkpoint
from mabe_core.runs.directory import all_runs, find_run
from mabe_core.runs.files import read_json, write_json
from mabe_core.runs.seal import seal
from tests.runs.fake_checkpoint import checkpoint


@pytest.mark.parametrize(
    "garbage",
    [
        *("rubbish", "{}", "[1]", '{"epoch": "2"}', "", "\ufffd[", "[" * 20000),
        '{"epoch": 2, "val_macro_f1": "0.5"}',
        '{"epoch": 2, "train_loss": {}}',
        '{"epoch": 2, "confusion": [3]}',
        '{"epoch": 2, "confusion": [[1, "2"]]}',
    ],
)
def test_a_damaged_line_of_metrics_is_told_with_file_and_line(trained, garbage):
    first, second = trained.run.metrics.read_text().splitlines()
    trained.run.metrics.write_text(f"{first}\n{garbage}\n{second}\n")
    for read in (trained.run.epochs, lambda: trained.run.cut_epochs(1)):
        with pytest.raises(UserError, match=r"metrics.jsonl:2: is not the line of an epoch"):
            read()


def test_a_torn_last_line_of_metrics_does_not_count(trained):
    whole = trained.run.epochs()
    for torn in ('{"epoch": 3', '{"epoch": 3, "step": 33}'):
        with trained.run.metrics.open("a") as file:
            file.write(torn)
        assert trained.run.epochs() == whole
    assert [line["epoch"] for line in trained.run.cut_epochs(2)] == [1, 2]
    trained.run.append_epoch({"epoch": 3})
    assert [line["epoch"] for line in trained.run.epochs()] == [1, 2, 3]


@pytest.mark.parametrize(
    "state",
    ['{"format": 1}', "[1]", "", "[" * 20000, '{"format": 1, "sha256": 3, "step": 22}', '{"format": 9}'],
)
def test_a_checkpoint_whose_state_is_damaged_is_passed_over(trained, state):
    (trained.run.checkpoints / "step-00000022" / "state.json").write_text(state)
    found, damage = newest_checkpoint(trained.run.checkpoints)
    assert found.state["step"] == 11
    assert len(damage) == 1


def test_a_sealed_state_whose_hashes_are_none_is_damaged(trained):
    file = trained.run.checkpoints / "step-00000022" / "state.json"
    state = json.loads(file.read_text())
    del state["seal"]
    file.write_bytes(seal({**state, "sha256": dict.fromkeys(state["sha256"], 3)}))
    found, damage = newest_checkpoint(trained.run.checkpoints)
    assert found.state["step"] == 11
    assert "lacks the SHA-256" in damage[0]


@pytest.mark.parametrize("step", [None, "22", True, 11])
def test_a_state_that_is_of_another_step_than_its_folder_is_damaged(trained, step):
    file = trained.run.checkpoints / "step-00000022" / "state.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "step": step}))
    assert newest_checkpoint(trained.run.checkpoints)[0].state["step"] == 11


def test_a_file_named_like_a_checkpoint_is_passed_over_and_pruned(trained):
    (trained.run.checkpoints / "step-00000033").write_text("")
    assert newest_checkpoint(trained.run.checkpoints)[0].state["step"] == 22
    prune(trained.run.checkpoints, ["step-00000022"])
    assert [path.name for path in trained.run.checkpoints.iterdir()] == ["step-00000022"]


def test_a_checkpoint_of_the_same_step_is_replaced(trained):
    again = write_checkpoint(trained.run.checkpoints, checkpoint(22))
    assert newest_checkpoint(trained.run.checkpoints)[0].state["step"] == 22
    assert {path.name for path in again.parent.iterdir()} == {"step-00000011", "step-00000022"}


@pytest.mark.parametrize(
    "content",
    ["[1]", "", "{}", '{"checkpoint": 3, "epoch": 1, "step": 1}', '{"checkpoint": "x", "epoch": 1}'],
)
def test_a_pointer_of_a_wrong_shape_is_no_pointer(trained, content):
    assert read_pointer(trained.run.last)["epoch"] == 2
    trained.run.last.write_text(content)
    assert read_pointer(trained.run.last) is None
    assert read_pointer(trained.run.best) is None


def test_what_crashes_left_is_cleared_when_the_run_is_held_again(trained):
    for name in (".record.json.123.tmp", ".metrics.jsonl.9.tmp", ".mine.tmp"):
        (trained.run.path / name).write_text("")
    with trained.run.held():
        left = {path.name for path in trained.run.path.iterdir() if path.name.endswith(".tmp")}
    assert left == {".mine.tmp"}


def test_a_full_disk_is_told_with_path_and_reason_and_leaves_the_old_content(tmp_path, monkeypatch):
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    file = tmp_path / "record.json"
    write_json(file, 1)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(RunError, match=r"record.json.* cannot be written: No space left on device"):
            write_json(file, 2)
        with pytest.raises(RunError, match=r"step-00000011.* cannot be written: No space left"):
            write_checkpoint(tmp_path, checkpoint(11))
    assert read_json(file) == 1
    assert not list(tmp_path.glob(".record*"))


def test_names_that_are_not_utf8_are_written_and_read_back(tmp_path):
    name = os.fsdecode(b"caf\xe9 \xc3\xa9.h5")
    write_json(tmp_path / "x.json", {name: 1})
    (tmp_path / "x.json").read_text(encoding="utf-8")
    assert read_json(tmp_path / "x.json") == {name: 1}


def test_plain_files_and_dangling_links_are_no_runs(trained):
    runs_dir = trained.run.path.parent
    (runs_dir / "afile-0123456789").write_text("")
    (runs_dir / "alink-0123456789").symlink_to("nowhere")
    assert all_runs(runs_dir) == [trained.run]
    with pytest.raises(UserError, match="no run in"):
        find_run(runs_dir, "afile")


def test_a_system_that_cannot_flush_directories_is_spared_it(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "O_DIRECTORY")
    monkeypatch.setattr(files.os, "open", None)
    files.sync_directory(tmp_path)


def test_holding_names_the_host_without_asking_for_uname(trained, monkeypatch):
    monkeypatch.delattr(os, "uname")
    with trained.run.held():
        assert read_json(trained.run.path / "holder.json")["pid"] == os.getpid()
