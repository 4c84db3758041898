"""An experiment in the cloud: the same id and the same bits as here, watched from anywhere, brought back."""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cloud.conftest import Client, read_until, trained_here, weights
from tests.conftest import ROOT
from tests.modal_server.running import LoopbackServer

V3 = ROOT / "experiments" / "v3_transformer.yaml"
# V3's model and steps; fewer recordings, windows and epochs
SHORT = [
    f"--set={setting}"
    for setting in (
        "training.epochs=2",
        "training.windows_per_epoch=80",
        "data.dataset.train_recordings=4",
        "data.dataset.validation_recordings=1",
        "data.dataset.seconds=60.0",
        "threads=1",
        "device=cpu",
    )
]


def test_v3_in_the_cloud_is_the_same_experiment_with_the_same_weights(client: Client, tmp_path: Path) -> None:
    local = trained_here(V3, tmp_path / "local", *SHORT)

    ran = client.run_cloud(V3, *SHORT)
    pulled = client("pull", local.name)

    assert ran.code == 0, ran.err
    assert "one T4 for at most 2h" in ran.out
    assert "epoch   2/2" in ran.out  # the progress of a local run
    assert f"experiment id  {local.name} (finished)" in ran.out
    assert pulled.code == 0, pulled.err
    assert "all checked" in pulled.out
    assert weights(client.runs / local.name) == weights(local)
    assert client.rows()[local.name]["gpu"] == "T4"


def test_two_gpus_are_two_processes_with_the_bits_of_two_here(
    client: Client, experiment: Path, tmp_path: Path
) -> None:
    # the server's containers are granted GPUs, and have none
    on_cpu = ("--set=device=cpu", "--set=threads=1")
    local = trained_here(experiment, tmp_path / "local", "--num-gpus", "2", *on_cpu)

    ran = client.run_cloud(experiment, "--gpu", "T4:2", *on_cpu)
    client("pull", local.name)

    assert ran.code == 0, ran.out + ran.err
    assert "2 T4" in ran.out
    record = json.loads((client.runs / local.name / "record.json").read_bytes())
    assert record["auto"]["processes"] == 2
    assert client.rows()[local.name]["gpu"] == "T4:2"
    assert weights(client.runs / local.name) == weights(local)


def test_a_pulled_run_is_like_one_that_was_trained_here(client: Client, experiment: Path) -> None:
    client.run_cloud(experiment)
    (run_id,) = client.rows()
    client("pull", run_id)

    listed = json.loads(client("runs", "--json").out)
    resumed = client("run", "--resume", run_id)

    assert [(row["id"], row["state"]) for row in listed] == [(run_id, "finished")]
    assert resumed.code == 0, resumed.err
    assert "is finished (4 epochs)" in resumed.out


def test_a_detached_run_is_watched_and_pulled_from_elsewhere(
    shared_server: LoopbackServer,
    client_of: Callable[..., Client],
    held: Path,
    undisturbed: Path,
) -> None:
    here, elsewhere = client_of(shared_server), client_of(shared_server, "elsewhere")

    launched = here.run_cloud(held, "--detach")
    assert launched.code == 0, launched.err
    (run_id,) = elsewhere.rows()
    assert f"mabe attach {run_id}" in launched.out
    assert elsewhere.rows()[run_id]["state"] in ("starting", "running")
    following = elsewhere.start("logs", run_id[:8], "--follow")
    here.let_go()
    attached = elsewhere("attach", run_id[:8])
    followed, _ = following.communicate(timeout=60)
    afterwards = elsewhere("logs", run_id)
    pulled = elsewhere("pull", run_id[:8])

    assert attached.code == 0, attached.err
    for told in (attached.out, followed, afterwards.out):
        assert re.findall(r"epoch +(\d+)/12", told)[-1] == "12"
    assert pulled.code == 0, pulled.err
    assert weights(elsewhere.runs / run_id) == weights(undisturbed)


def test_a_client_that_is_gone_does_not_stop_the_run(client: Client, held: Path) -> None:
    watching = client.start_cloud(held)
    read_until(watching, "epoch")
    watching.kill()
    watching.communicate()

    (run_id,) = client.rows()
    client.let_go()
    attached = client("attach", run_id)

    assert attached.code == 0, attached.err
    assert client.rows()[run_id]["state"] == "finished"


def test_ctrl_c_detaches_and_says_how_to_go_on(client: Client, held: Path) -> None:
    watching = client.start_cloud(held)
    read_until(watching, "epoch")
    watching.send_signal(signal.SIGINT)
    told, _ = watching.communicate(timeout=60)

    (run_id,) = client.rows()
    assert watching.returncode == 130
    assert f"mabe attach {run_id}" in told
    assert f"mabe stop {run_id}" in told
    assert "Traceback" not in told
    assert client.rows()[run_id]["state"] == "running"


def test_running_the_same_file_again_attaches_or_says_that_it_is_finished(client: Client, held: Path) -> None:
    client.run_cloud(held, "--detach")
    attaching = client.start_cloud(held)
    assert "runs already, since" in read_until(attaching, "epoch")
    client.let_go()
    told, _ = attaching.communicate(timeout=120)
    again = client.run_cloud(held)

    assert attaching.returncode == 0, told
    assert "is finished in the cloud" in again.out
    (row,) = client.rows().values()
    assert row["attempts"] == 1


def test_two_clients_at_once_make_one_run(
    shared_server: LoopbackServer,
    client_of: Callable[..., Client],
    held: Path,
    undisturbed: Path,
) -> None:
    clients = [client_of(shared_server), client_of(shared_server, "elsewhere")]
    calls_before = len(shared_server.calls())

    started = [client.start_cloud(held) for client in clients]
    told = [read_until(process, "epoch") for process in started]
    clients[0].let_go()
    told = [
        before + process.communicate(timeout=120)[0] for before, process in zip(told, started, strict=True)
    ]

    assert [process.returncode for process in started] == [0, 0], told
    assert len(shared_server.calls()) == calls_before + 1
    assert sorted("runs already" in each for each in told) == [False, True]
    (row,) = clients[0].rows().values()
    assert (row["state"], row["attempts"], row["epoch"]) == ("finished", 1, 12)
    assert clients[1]("pull", row["id"], "--checkpoint", "all").code == 0
    assert weights(clients[1].runs / row["id"]) == weights(undisturbed)


def test_a_stopped_run_has_saved_and_goes_on_with_the_same_command(
    client: Client, held: Path, undisturbed: Path
) -> None:
    watching = client.start_cloud(held)
    read_until(watching, "epoch")
    (run_id,) = client.rows()
    stopped = client("stop", run_id[:9])
    watching.communicate(timeout=60)
    between = client.rows()[run_id]
    client.let_go()
    resumed = client.run_cloud(held)
    client("pull", run_id)

    assert "it saved first" in stopped.out
    assert watching.returncode == 1
    assert between["state"] == "interrupted"
    assert 0 < between["step"] < 60
    assert resumed.code == 0, resumed.err
    assert "going on from step" in resumed.out
    assert weights(client.runs / run_id) == weights(undisturbed)


def test_what_waits_for_a_gpu_is_cancelled_at_once(client: Client, experiment: Path) -> None:
    client.server.capacity(0)
    try:
        client.run_cloud(experiment, "--detach")
        (run_id,) = client.rows()
        began = time.monotonic()
        stopped = client("stop", run_id)
        took = time.monotonic() - began
    finally:
        client.server.clear_faults()

    assert "ended without saving" in stopped.out
    assert took < 15
    assert client.rows()[run_id]["state"] == "stopped"
    assert client.run_cloud(experiment).code == 0


@pytest.mark.parametrize("beginning", ["../../etc", "v3*", "runs/../x", "-x", ".", "V3"])
def test_what_is_no_id_is_refused(client: Client, beginning: str) -> None:
    for command in ("pull", "attach", "logs", "stop"):
        refused = client(command, "--", beginning)

        assert refused.code == 2, refused.out
        assert "not an experiment id" in refused.err
        assert "Traceback" not in refused.err


def test_modal_run_runs_it_too(client: Client, experiment: Path) -> None:
    import subprocess
    import sys

    file = experiment.read_text().replace(
        "cloud: {gpu: none}", f"cloud: {{gpu: none, volume: {client.volume}}}"
    )
    experiment.write_text(file)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "modal",
            "run",
            "--detach",
            "modal_runner.py",
            "--experiment",
            str(experiment),
        ],
        capture_output=True,
        text=True,
        env=client.environment(),
        cwd=ROOT,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    (row,) = client.rows().values()
    assert row["state"] == "finished"
    assert row["id"] in done.stdout
