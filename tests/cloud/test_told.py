"""What is told is so: a run that goes on is not called over, and one that failed says why, whoever looks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.cloud.conftest import Client, read_until
from tests.modal_server.running import LoopbackServer

LEAVES = """
import attrs
from mabe_core import ModelSpec, hookimpl

@attrs.frozen
class Config:
    "A model that fails."

def build(config, data):
    {build}
    from torch import nn
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(data.input_dim, data.num_classes)
            self.calls = 0
        def forward(self, inputs):
            self.calls += 1
            if self.calls > 12:
                {forward}
            return self.layer(inputs)
    return Model()

@hookimpl
def mabe_models():
    return [ModelSpec(name="fails", config=Config, build=build)]
"""


def failing(experiment: Path, *, build: str = "pass", forward: str = "pass") -> Path:
    """Return an experiment whose model fails when it is built, or in its thirteenth batch."""
    plugin = experiment.with_name("fails.py")
    plugin.write_text(LEAVES.format(build=build, forward=forward))
    text = experiment.read_text().replace("plugins: [", f"plugins: [{plugin}, ")
    head, _, tail = text.partition("model:\n")
    file = experiment.with_name("failing.yaml")
    file.write_text(
        f"{head}model: fails\noptimizer:{tail.partition('optimizer:')[2]}".replace(
            "name: tiny\n", "name: failing\n", 1
        )
    )
    return file


def test_a_detached_run_that_failed_early_says_why_to_whoever_looks(client: Client, experiment: Path) -> None:
    file = failing(experiment, build="raise ValueError('boom in build')")
    assert client.run_cloud(file, "--detach").code == 0
    (run_id,) = client.rows()
    client.server.wait_for(lambda: client.rows()[run_id]["state"] == "failed", 90)
    attached, logs = client("attach", run_id), client("logs", run_id)

    assert "boom in build" in client.rows()[run_id]["failure"]
    assert attached.code != 0
    assert "boom in build" in attached.err
    assert "boom in build" in logs.out


def test_a_plugin_that_exits_fails_once_and_is_not_tried_again(client: Client, experiment: Path) -> None:
    file = failing(experiment, forward="raise SystemExit(3)")
    before = len(client.server.tasks())
    ran = client.run_cloud(file)

    assert ran.code == 1
    assert "SystemExit" in ran.err
    assert len(client.server.tasks()) == before + 1


def test_a_look_that_fails_does_not_make_a_second_run(client: Client, held: Path) -> None:
    client.run_cloud(held, "--detach")
    calls = len(client.server.calls())
    client.server.refuse("FunctionGetOutputs", "RESOURCE_EXHAUSTED", times=1)
    again = client.run_cloud(held, "--detach")

    assert again.code == 1
    assert "lost" in again.err
    assert len(client.server.calls()) == calls
    client.let_go()
    assert client("attach", next(iter(client.rows()))).code == 0


def test_a_token_that_is_refused_meanwhile_is_told_and_that_the_run_goes_on(
    client: Client, held: Path
) -> None:
    watching = client.start_cloud(held)
    read_until(watching, "epoch")
    client.server.reject_token()
    told, _ = watching.communicate(timeout=60)
    client.server.clear_faults()

    assert watching.returncode == 2
    assert "refuses the token" in told
    assert "goes on in the cloud" in told


def test_commits_that_fail_do_not_turn_a_preemption_into_a_failure(client: Client, held: Path) -> None:
    watching = client.start_cloud(held, "--set", "cloud.retries=0")
    read_until(watching, "epoch")
    client.server.refuse("VolumeCommit", "FAILED_PRECONDITION", times=50)
    task = client.server.running_task()["id"]
    client.server.preempt(task)
    # it tries to commit for some seconds, and is gone
    client.server.wait_for(lambda: task not in client.server.at_work(), 60)
    client.server.clear_faults()
    client.let_go()
    told, _ = watching.communicate(timeout=120)

    assert watching.returncode == 0, told


def test_a_commit_that_fails_at_the_end_is_tried_again(client: Client, experiment: Path) -> None:
    client.server.refuse("VolumeCommit", "FAILED_PRECONDITION", times=7)
    ran = client.run_cloud(experiment)

    assert ran.code == 0, ran.err
    (row,) = client.rows().values()
    assert (row["state"], row["epoch"]) == ("finished", 4)


def test_stop_reaches_a_run_that_is_still_being_launched(client: Client, held: Path) -> None:
    client.server.delay("FunctionCreate", 6, times=1)
    launching = client.start_cloud(held)
    client.server.wait_for(lambda: client.rows(), 30)
    (run_id,) = client.rows()
    stopped = client("stop", run_id)
    told, _ = launching.communicate(timeout=60)

    assert "will stop before it trains" in stopped.out
    assert "epoch" not in told
    client.let_go()
    assert client.run_cloud(held).code == 0  # it is not stopped for good


def test_fresh_is_refused_while_it_runs(client: Client, held: Path) -> None:
    client.run_cloud(held, "--detach")
    refused = client.run_cloud(held, "--fresh")

    assert refused.code == 2
    assert "mabe stop" in refused.err


def test_fresh_moves_the_old_run_aside(client: Client, experiment: Path) -> None:
    client.run_cloud(experiment)
    (run_id,) = client.rows()
    fresh = client.run_cloud(experiment, "--fresh")
    script = "import modal, sys; print([entry.path for entry in modal.Volume.from_name(sys.argv[1]).listdir('runs')])"
    listed = subprocess.run(
        [sys.executable, "-c", script, client.volume],
        env=client.environment(),
        capture_output=True,
        text=True,
        check=False,
    ).stdout

    assert fresh.code == 0, fresh.err
    assert "epoch   1/4" in fresh.out
    assert f"{run_id}.aside-" in listed


def test_hints_lead_to_the_volume_that_was_used(
    shared_server: LoopbackServer, client_of: Callable[..., Client], experiment: Path
) -> None:
    client = client_of(shared_server)
    other = f"{client.volume}-other"
    told = client("run", experiment, "--cloud", "--detach", "--set", f"cloud.volume={other}")
    own = client("run", experiment, "--cloud", "--detach")

    assert f"--volume {other}" in told.out
    assert "--volume" not in own.out  # MABE_VOLUME says it
    assert client("attach", "tiny", "--volume", other).code == 0
