"""A study in the cloud: the same ids and the same bits as here, so many at once, going on without its client."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

from tests.cloud.conftest import Client, weights
from tests.conftest import TINY

STUDY = """\
threads: 1
cloud: {gpu: none}
study:
  seeds: [0, 1]
  grid:
    model.hidden_dim: [16, 8]
"""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    file = tmp_path / "tiny.yaml"
    file.write_text(TINY + STUDY, encoding="utf-8")
    return file


def members(folder: Path) -> list[str]:
    (file,) = folder.glob("*/study.json")
    return [member["id"] for member in json.loads(file.read_text())["members"]]


def test_the_members_are_those_of_the_study_here_to_the_bit(client: Client, study: Path) -> None:
    here = client("run", study, "--runs-dir", client.folder / "local")
    ran = client.run_cloud(study, "--max-containers", 2)
    again = client.run_cloud(study)
    pulled = client("pull", "tiny")

    assert (here.code, ran.code, pulled.code) == (0, 0, 0), here.err + ran.err + pulled.err
    assert (
        "4 experiments on machines without a GPU, 2 at once, for at most 2h each: 8 hours in all" in ran.out
    )
    assert ran.out.count("finished  tiny-") == 4
    assert "4 experiments, 4 finished" in again.out
    ids = members(client.folder / "local")
    assert members(client.runs) == ids
    for each in ids:
        assert weights(client.runs / each) == weights(client.folder / "local" / each)
    assert set(client.rows()) == set(ids)
    assert "nothing is missing" in client("run", "--resume", "tiny").out
    for command in ("attach", "logs", "pull", "stop"):  # a member is like any other run
        assert client(command, ids[0]).code == 0


def test_a_detached_study_goes_on_and_the_same_command_shows_it_again(client: Client, study: Path) -> None:
    left = client.run_cloud(study, "--detach", "--max-containers", 1)
    assert left.code == 0, left.err
    assert "goes on in the cloud" in left.out
    attached = client.run_cloud(study)
    assert attached.code == 0, attached.err
    assert {row["state"] for row in client.rows().values()} == {"finished"}
    assert {row["attempts"] for row in client.rows().values()} == {1}


def test_ctrl_c_leaves_a_study_to_itself_and_stop_ends_all_of_it(client: Client, held: Path) -> None:
    held.write_text(held.read_text() + "study: {seeds: [0, 1, 2]}\n", encoding="utf-8")
    running = client.start_cloud(held, "--max-containers", 2)
    deadline = time.monotonic() + 60
    while sum(row["state"] == "running" for row in client.rows().values()) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.3)
    running.send_signal(signal.SIGINT)
    told, _ = running.communicate(timeout=30)
    assert running.returncode == 130
    assert "what was launched of held" in told

    logs = client("logs", "held")
    stopped = client("stop", "held")

    assert "is a study; name one of its members" in logs.err
    assert stopped.code == 0, stopped.err
    states = [row["state"] for row in client.rows().values()]
    assert sorted(states) == ["interrupted", "interrupted", "stopped"]


def test_a_sampled_study_is_run_trial_by_trial(client: Client, study: Path) -> None:
    space = "{trials: 2, space: {model.dropout: {low: 0.0, high: 0.3}}}"
    words = (
        "--set",
        "study.seeds=[0]",
        "--set",
        f"study.sample={space}",
        "--set",
        "study.grid={model.hidden_dim: [8]}",
    )
    assert client.run_cloud(study, *words, "--detach").code == 2
    ran = client.run_cloud(study, *words)
    assert ran.code == 0, ran.err
    assert "best of 2 trials" in ran.out
    assert len(client.rows()) == 2
