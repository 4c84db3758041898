"""Runs that are preempted, killed, cut off: they end as if nothing had happened."""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cloud.conftest import Client, read_until, weights
from tests.modal_server.running import LoopbackServer


@pytest.fixture
def publishing_server(tmp_path: Path) -> Iterator[LoopbackServer]:
    """A server that publishes what is written by itself, half-written files too, as Modal does."""
    with LoopbackServer(tmp_path / "server", background_commits=0.2) as server:
        yield server


def attempts(client: Client, run_id: str) -> list[str]:
    """Return how each attempt at a run ended."""
    told = json.loads(client.on_volume(f"runs/{run_id}/cloud.json") or b'{"attempts": []}')
    return [attempt["ended"] for attempt in told["attempts"]]


def last_checkpoint(client: Client, run_id: str) -> int:
    """Return the step of the last checkpoint that the volume announces; 0 before there is one."""
    content = client.on_volume(f"runs/{run_id}/last.json")
    return int(json.loads(content)["step"]) if content else 0


@pytest.mark.parametrize("publishing", [False, True])
def test_preempted_three_times_and_killed_twice_it_ends_with_the_same_weights(
    client_of: Callable[..., Client],
    shared_server: LoopbackServer,
    held: Path,
    publishing: bool,
    request: pytest.FixtureRequest,
    undisturbed: Path,
) -> None:
    server = request.getfixturevalue("publishing_server") if publishing else shared_server
    client = client_of(server)
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    disturb = [(server.preempt, True)] * 2 + [
        (server.kill, True),
        (server.preempt, False),
        (server.kill, False),
    ]
    chance.shuffle(disturb)

    assert client.run_cloud(held, "--detach").code == 0
    (run_id,) = client.rows()
    announced, done = 0, set()
    for act, trains in disturb:
        task = server.wait_for(lambda: _at_work(server, done), 60)
        done.add(task)
        if trains:
            server.wait_for(lambda announced=announced: last_checkpoint(client, run_id) > announced, 60)
        time.sleep(chance.uniform(0, 1.5))  # it imports and reads, or trains and saves
        act(task)
        server.wait_for(lambda task=task: _is_over(server, task), 60)
        committed = last_checkpoint(client, run_id)
        assert committed >= announced
        announced = committed
    client.let_go()
    attached = client("attach", run_id)
    client("pull", run_id, "--checkpoint", "all")

    assert attached.code == 0, attached.out + attached.err
    row = client.rows()[run_id]
    assert (row["state"], row["epoch"]) == ("finished", 12), (row, attached)
    # a container that is taken away before there is a run directory leaves no trace
    ended = attempts(client, run_id)
    assert ended[-1] == "finished"
    assert 4 <= len(ended) <= 6  # three were at work for sure
    assert ended.count("preempted") <= 3
    assert ended.count("") <= 2
    assert weights(client.runs / run_id) == weights(undisturbed)
    assert _losses(client.runs / run_id) == _losses(undisturbed)


def _at_work(server: LoopbackServer, done: set[str]) -> str | None:
    """Return a container that runs and was not disturbed yet."""
    return next((task for task in server.at_work() if task not in done), None)


def _is_over(server: LoopbackServer, task: str) -> bool:
    return task not in server.at_work()


def _losses(run: Path) -> list[tuple[int, float]]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [(line["epoch"], line["train_loss"]) for line in lines]


def test_a_run_longer_than_one_attempt_goes_on_in_the_next(
    client: Client, experiment: Path, held: Path, undisturbed: Path
) -> None:
    began = time.monotonic()
    assert client.run_cloud(experiment).code == 0
    limit = max(8, math.ceil(time.monotonic() - began))  # what a short run takes on this machine just now
    running = client.start_cloud(held, f"--timeout={limit}s", "--set", "cloud.max_total=20min")
    (run_id,) = client.server.wait_for(lambda: {each for each in client.rows() if "held" in each}, 60)
    client.server.wait_for(lambda: "time limit" in attempts(client, run_id), 240)
    client.let_go()
    told, _ = running.communicate(timeout=240)

    assert running.returncode == 0, told
    ended = attempts(client, run_id)
    assert ended[-1] == "finished"
    assert set(ended[:-1]) == {"time limit"}
    client("pull", run_id)
    assert weights(client.runs / run_id) == weights(undisturbed)


def test_a_run_that_uses_up_its_time_says_so_and_can_go_on(client: Client, held: Path) -> None:
    for limit in (8, 16, 32):  # on a loaded machine the start alone may take the first
        stopped = client.run_cloud(held, f"--timeout={limit}s")
        (between,) = client.rows().values()
        assert stopped.code == 1
        assert f"its {limit}s in the cloud" in stopped.err
        if between.get("step"):  # it opened its run directory
            break
    client.let_go()
    resumed = client.run_cloud(held)

    assert between["state"] == "interrupted"
    assert between["step"] > 0
    assert resumed.code == 0, resumed.err


def test_a_container_that_crashes_too_often_is_given_up(client: Client, held: Path) -> None:
    server = client.server
    client.run_cloud(held, "--detach", "--set", "cloud.retries=1")
    (run_id,) = client.rows()
    done: set[str] = set()
    for _ in range(2):
        task = server.wait_for(lambda: _at_work(server, done), 60)
        done.add(task)
        reached = last_checkpoint(client, run_id)
        server.wait_for(lambda reached=reached: last_checkpoint(client, run_id) > reached, 60)
        server.kill(task)
        server.wait_for(lambda task=task: _is_over(server, task), 60)
    attached = client("attach", run_id)

    assert attached.code == 1
    assert "exit code -9" in attached.err
    assert "the same command goes on" in attached.err
    assert client.rows()[run_id]["state"] == "interrupted"
    client.let_go()
    assert client.run_cloud(held).code == 0


def test_a_refused_commit_is_told_and_the_next_one_makes_up_for_it(
    client: Client, held: Path, undisturbed: Path
) -> None:
    client.server.refuse("VolumeCommit", "ABORTED", times=2)
    client.let_go()
    ran = client.run_cloud(held)
    client("pull", next(iter(client.rows())))

    assert ran.code == 0, ran.err
    assert "could not be committed" in ran.out
    (run_id,) = client.rows()
    assert weights(client.runs / run_id) == weights(undisturbed)


def test_a_lost_connection_does_no_harm(client: Client, held: Path) -> None:
    watching = client.start_cloud(held)
    read_until(watching, "epoch")
    for rpc in ("DictGet", "DictUpdate", "FunctionGetOutputs"):
        client.server.refuse(rpc, "UNAVAILABLE", times=12)
    client.let_go()
    told, _ = watching.communicate(timeout=120)

    assert watching.returncode == 0, told
    (row,) = client.rows().values()
    assert row["state"] == "finished"


def test_a_slow_volume_loses_nothing_that_it_announced_and_ends_with_the_same_weights(
    client: Client, held: Path, undisturbed: Path
) -> None:
    server = client.server
    for rpc, seconds in (("VolumeCommit", 1.0), ("VolumePutFiles2", 0.2), ("VolumeGetFile2", 0.1)):
        server.delay(rpc, seconds, times=1000)
    client.run_cloud(held, "--detach")
    (run_id,) = client.rows()
    task = server.wait_for(lambda: _at_work(server, set()), 60)
    server.wait_for(lambda: last_checkpoint(client, run_id) > 0, 60)
    announced = last_checkpoint(client, run_id)
    server.preempt(task)  # in the middle of a commit, most likely
    server.wait_for(lambda: _is_over(server, task), 60)
    committed = last_checkpoint(client, run_id)
    client.let_go()
    attached = client("attach", run_id)
    pulled = client("pull", run_id)

    assert committed >= announced
    assert attached.code == 0, attached.out + attached.err
    assert pulled.code == 0, pulled.err
    assert attempts(client, run_id) == ["preempted", "finished"]
    assert weights(client.runs / run_id) == weights(undisturbed)


def test_what_fails_in_the_container_is_told_as_it_is_here(client: Client, experiment: Path) -> None:
    nowhere = experiment.with_name("nowhere.yaml")
    files = "dataset: {name: pose_files, folder: nowhere, labels: boris, classes: [a, b], pose_pattern: '{x}.csv', labels_pattern: '{x}.tsv'}"
    nowhere.write_text(experiment.read_text().replace("dataset: {name: tiny}", files))

    failed = client.run_cloud(nowhere)

    assert failed.code == 2
    assert "mabe data push" in failed.err
    assert "Traceback" not in failed.err
