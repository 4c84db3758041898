"""Runs in the cloud, filtered and watched from here."""

from __future__ import annotations

import json
import signal
from pathlib import Path

from mabe_core.runs.study import Member, Study, write_study
from tests.cloud.conftest import Client


def test_runs_in_the_cloud_are_filtered_and_watched(client: Client, experiment: Path) -> None:
    assert client.run_cloud(experiment).code == 0
    (run_id,) = client.rows()
    (row,) = json.loads(
        client("runs", "--cloud", "--where", "model=transformer and macro_f1>=0", "--json").out
    )
    assert (row["id"], row["model"], row["scores"]["macro_f1"]) == (run_id, "transformer", row["best"])
    told = client("runs", "--cloud", "--where", "training.epochs=5")
    assert "0 of 1 runs fit training.epochs=5" in told.out
    for words in (("--once",), ()):
        told = client("watch", run_id[:6], "--cloud", *words)
        assert told.code == 0, told.err
        assert "finished  epoch 4/4" in told.out
    members = (Member(id=run_id, settings={}), Member(id="tiny-0000000000", settings={}))
    study = Study(id="all-0123456789", name="all", description="", axes=[], members=members, text="")
    client.runs.mkdir(exist_ok=True)
    write_study(client.runs, study)
    told = client("watch", "all-", "--cloud", "--once")
    assert [line.split()[:2] for line in told.out.splitlines()] == [
        [run_id, "finished"],
        ["tiny-0000000000", "not"],
    ]


def test_a_run_in_the_cloud_is_watched_to_its_end(client: Client, held: Path) -> None:
    assert client.run_cloud(held, "--detach").code == 0
    (run_id,) = client.rows()
    watching = client.start("watch", run_id, "--cloud")
    assert watching.stdout is not None
    line = watching.stdout.readline()
    while " running " not in line:
        assert line, "it ended before it was seen to run"
        line = watching.stdout.readline()
    watching.send_signal(signal.SIGINT)
    rest, _ = watching.communicate(timeout=30)
    assert f"{run_id} goes on; `mabe watch {run_id} --cloud` shows it again" in rest
    assert watching.returncode == 130
    again = client.start("watch", run_id, "--cloud")
    lines = [again.stdout.readline()]
    client.let_go()
    told, _ = again.communicate(timeout=60)
    assert again.returncode == 0, told
    lines += told.splitlines()
    assert "finished  epoch 12/12" in lines[-1]
    assert len(lines) > 2
