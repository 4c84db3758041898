"""`mabe watch`: how a run or a study stands, as it goes on; nothing of it is touched."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mabe_core.runs.directory import RunDirectory, all_runs
from mabe_core.runs.study import Member, Study, write_study
from tests.conftest import TINY, Outcome
from tests.made_runs import made_run, write_record

Mabe = Callable[..., Outcome]
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def going(folder: Path, *settings: str, pid: int | None = None) -> RunDirectory:
    """Return a run that seems to be run by a process of this machine, this one by default."""
    run = made_run(folder, *settings, state="running", epoch=3, step=30, best=0.6)
    write_record(run, auto={"steps_per_epoch": 10}, epochs=8)
    for epoch, score in ((1, 0.2), (2, 0.6), (3, 0.5)):
        run.append_epoch(
            {
                "epoch": epoch,
                "step": 10 * epoch,
                "train_loss": 1 / epoch,
                "val_macro_f1": score,
                "seconds": 90.0,
                "steps_per_second": 12.5,
            }
        )
    run.best.write_text('{"checkpoint": "step-00000020", "epoch": 2, "step": 20}')
    run.log.write_text("\n".join(f"line {number}" for number in range(40)) + "\n")
    holder = {"pid": pid or os.getpid(), "host": platform.node(), "since": ""}
    (run.path / "holder.json").write_text(json.dumps(holder))
    return run


def dead_process() -> int:
    done = subprocess.Popen(["true"])
    done.wait()
    return done.pid


def test_once_tells_how_a_run_stands(mabe: Mabe, folder: Path) -> None:
    run = going(folder)
    told = mabe("watch", run.id[:8], "--once")
    assert told.code == 0
    for each in (run.id, "running", "epoch 3/8", "step 30/80", "12.5 steps/s", "7 min", "left", "0.5000"):
        assert each in told.out


def test_the_view_of_a_terminal(mabe: Mabe, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = going(folder)
    for width in (40, 80):
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("NO_COLOR", "1")
        from rich.text import Text

        out = Text.from_ansi(mabe("watch", run.id, "--once").out).plain
        assert max(map(len, out.splitlines())) <= width
        assert "▁█▆" in out  # the scores 0.2, 0.6, 0.5
        assert "█▃▁" in out  # the losses 1, 1/2, 1/3
        assert "best" in out
        assert "in epoch 2" in out
        assert out.splitlines()[-1].strip() == "line 39"
        assert "line 30" not in out


@pytest.mark.parametrize(
    ("state", "alive", "code", "word"),
    [
        ("finished", True, 0, "finished"),
        ("failed", True, 1, "failed"),
        ("running", False, 1, "interrupted"),
    ],
)
def test_it_ends_with_the_run(
    mabe: Mabe, folder: Path, state: str, alive: bool, code: int, word: str
) -> None:
    run = going(folder, pid=None if alive else dead_process())
    write_record(run, state=state, failure="the loss became nan" if state == "failed" else "")
    told = mabe("watch", run.id)
    assert told.code == code
    assert word in told.out
    assert ("the loss became nan" in told.out) == (state == "failed")


def test_watching_a_training_from_outside(start_mabe: Start, tmp_path: Path, folder: Path) -> None:
    file = tmp_path / "tiny.yaml"
    file.write_text(TINY.replace("windows_per_epoch: 84", "windows_per_epoch: 1600"))
    training = start_mabe("run", file)
    deadline = time.monotonic() + 60
    while not any(run.metrics.exists() for run in all_runs(folder)):
        assert time.monotonic() < deadline, training.communicate()
        time.sleep(0.05)
    (run,) = all_runs(folder)
    watching = start_mabe("watch", run.id)
    out, err = watching.communicate(timeout=120)
    assert watching.returncode == 0, err
    assert training.wait(timeout=60) == 0
    lines = out.splitlines()
    assert len(lines) == len(set(lines)) >= 2
    assert "running" in lines[0]
    assert "finished" in lines[-1]
    assert "epoch 4/4" in lines[-1]


def test_ctrl_c_leaves_and_the_run_goes_on(start_mabe: Start, folder: Path) -> None:
    run = going(folder)
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    watching = start_mabe("watch", run.id)
    assert watching.stdout is not None
    assert "running" in watching.stdout.readline()
    watching.send_signal(signal.SIGINT)
    out, _ = watching.communicate(timeout=30)
    assert f"{run.id} goes on; `mabe watch {run.id}` shows it again" in out
    assert watching.returncode == 130
    # nothing was written, no lock was made
    assert {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()} == before


def test_a_study_is_a_line_a_member(mabe: Mabe, folder: Path) -> None:
    done = made_run(folder, "seed=1")
    run = going(folder, "seed=2")
    waiting = "made-0000000000"
    members = tuple(
        Member(id=each, settings={"seed": number})
        for number, each in enumerate((done.id, run.id, waiting), start=1)
    )
    study = Study(id="made-0123456789", name="made", description="", axes=["seed"], members=members, text="")
    write_study(folder, study)
    told = mabe("watch", study.id, "--once").out.splitlines()
    assert [line.split()[:2] for line in told] == [
        [done.id, "finished"],
        [run.id, "running"],
        [waiting, "waiting"],
    ]
    write_study(folder, Study(**{**vars_of(study), "members": members[:1]}))
    assert mabe("watch", study.id).code == 0


def test_a_study_that_nobody_runs_is_not_said_to_go_on(start_mabe: Start, folder: Path) -> None:
    done = made_run(folder)
    members = (Member(id=done.id, settings={}), Member(id="made-0000000000", settings={}))
    write_study(
        folder,
        Study(id="made-0123456789", name="made", description="", axes=[], members=members, text=""),
    )
    watching = start_mabe("watch", "made-0123456789")
    assert watching.stdout is not None
    assert "finished" in watching.stdout.readline()
    assert "waiting" in watching.stdout.readline()
    watching.send_signal(signal.SIGINT)
    told, _ = watching.communicate(timeout=30)
    assert "goes on" not in told
    assert watching.returncode == 130


def vars_of(study: Study) -> dict[str, object]:
    import attrs

    return attrs.asdict(study, recurse=False)


def test_an_id_that_there_is_none_of(mabe: Mabe, folder: Path) -> None:
    made_run(folder)
    told = mabe("watch", "mad-123")
    assert told.code == 2
    assert "no run or study" in told.err


def test_a_damaged_run_is_told(mabe: Mabe, folder: Path) -> None:
    run = made_run(folder)
    run.record.write_text("{")
    told = mabe("watch", run.id)
    assert told.code == 1
    assert "damaged" in told.out
