"""Apps, functions, containers, images and logs of the loopback server, met through the real client and command."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .running import LoopbackServer, environment_without_modal

MODAL = Path(sys.executable).with_name("modal")
IMAGE = f'modal.Image.debian_slim(python_version="{sys.version_info.major}.{sys.version_info.minor}")'

APP = f"""
import os, pathlib, sys, time
import modal

app = modal.App("control")
image = {IMAGE}
volume = modal.Volume.from_name("kept", create_if_missing=True, version=2)
kept = pathlib.Path("/vol")

def attempt(name):
    "Count how often this was tried, in a file that is committed at once."
    volume.reload()  # a container that is used again would not see what others have committed
    log = kept / f"{{name}}.attempts"
    log.write_text((log.read_text() if log.exists() else "") + "x")
    volume.commit()
    return len(log.read_text())

@app.function(image=image)
def square(x):
    print("squaring", x)
    print("to stderr", file=sys.stderr)
    return x * x

@app.function(image=image, max_containers=1, single_use_containers=True)
def ask_another(x):
    return square.remote(x) + 1

@app.function(image=image)
def same(data):
    return data

@app.function(image=image)
def fail():
    raise ValueError("no such bird")

@app.function(image=image)
def missing(module):
    try:
        __import__(module)
    except ModuleNotFoundError:
        return f"{{module}} is missing"
    return f"{{module}} is there"

@app.function(image=image)
def leave_traces():
    for path in ("/made", "/root/made", "/tmp/made"):
        pathlib.Path(path).write_text("made")
    try:
        pathlib.Path("/usr/made").write_text("made")
    except OSError as error:
        return error.strerror

@app.function(image=image, volumes={{"/vol": volume}}, retries=modal.Retries(max_retries=2, initial_delay=0.0))
def third_time(name):
    if attempt(name) < 3:
        raise RuntimeError("not yet")
    return "third"

@app.function(image=image, volumes={{"/vol": volume}}, single_use_containers=True)
def sleep_once(name, how="raise"):
    number = attempt(name)
    if number == 1:
        (kept / f"{{name}}.lost").write_text("never committed")
        try:
            print("sleeping", flush=True)
            time.sleep(60)
        except KeyboardInterrupt:
            if how == "return":
                return "returned"
            raise
    return f"attempt {{number}}"

@app.function(image=image, volumes={{"/vol": volume}}, timeout=4)
def too_long():
    try:
        time.sleep(60)
    except BaseException as error:
        (kept / "ended-by").write_text(type(error).__name__)
        volume.commit()
        raise
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoopbackServer]:
    folder = tmp_path_factory.mktemp("server")
    (folder / "control_app.py").write_text(APP)
    with LoopbackServer(folder=folder, grace=15) as running:
        yield running


@pytest.fixture(autouse=True)
def no_faults(server: LoopbackServer) -> Iterator[None]:
    yield
    server.clear_faults()


def start(server: LoopbackServer, *command: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(word) for word in command],
        cwd=server.folder,
        env=environment_without_modal() | server.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def program(server: LoopbackServer, text: str) -> subprocess.Popen[str]:
    lines = "import modal\nfrom control_app import *\n" + textwrap.dedent(text)
    return start(server, sys.executable, "-c", lines)


def said(process: subprocess.Popen[str]) -> str:
    output, _ = process.communicate(timeout=50)
    return output.strip()


def spawn(server: LoopbackServer, call: str) -> str:
    """Spawn a call in a detached app whose client is gone at once, and return the call's id."""
    return said(program(server, f"with app.run(detach=True):\n    print({call}.object_id)"))


def result(server: LoopbackServer, call_id: str, timeout: float = 30) -> str:
    """What another process gets from a call, or the exception that it meets."""
    return said(
        program(
            server,
            f"""
            try:
                print(modal.FunctionCall.from_id("{call_id}").get(timeout={timeout}))
            except Exception as error:
                print(type(error).__name__, error)
            """,
        )
    )


def in_volume(server: LoopbackServer, path: str) -> str:
    return said(program(server, f"print(b''.join(volume.read_file('{path}')).decode())"))


def app_of(server: LoopbackServer, call_id: str) -> str:
    return next(str(call["app"]) for call in server.calls() if call["id"] == call_id)


def wait_until_asleep(server: LoopbackServer, call_id: str) -> dict[str, Any]:
    """Wait until `sleep_once` has committed its first file and written its second; return its container."""
    server.wait_for(lambda: "sleeping" in server.logs(app_of(server, call_id)))
    return server.running_task()


def state_of(server: LoopbackServer, app_id: str) -> str:
    states = {3: "deployed", 5: "stopped"}
    return next(states.get(app["state"], str(app["state"])) for app in server.apps() if app["id"] == app_id)


def test_a_file_runs_with_the_modal_command(server: LoopbackServer) -> None:
    entry = "\n@app.local_entrypoint()\ndef main():\n    print('result', square.remote(7))\n"
    (server.folder / "entry.py").write_text(APP + entry)
    output = said(start(server, MODAL, "run", "entry.py"))
    assert "squaring 7" in output
    assert "to stderr" in output
    assert "result 49" in output
    assert "App completed" in output


def test_a_spawned_call_outlives_its_client_and_its_app_then_stops(server: LoopbackServer) -> None:
    call_id = spawn(server, "square.spawn(5)")
    assert result(server, call_id) == "25"
    server.wait_for(lambda: state_of(server, app_of(server, call_id)) == "stopped")
    assert result(server, call_id) == "25"


def test_an_unknown_call_is_not_found(server: LoopbackServer) -> None:
    assert result(server, "fc-0000000000000000000000").startswith("NotFoundError")


def test_a_pending_result_times_out_for_the_asker_only(server: LoopbackServer) -> None:
    server.capacity(0)
    call_id = spawn(server, "square.spawn(6)")
    assert result(server, call_id, timeout=0).startswith("TimeoutError")
    assert server.calls()[-1]["inputs"][0]["state"] == "queued"
    server.clear_faults()
    assert result(server, call_id) == "36"


def test_an_exception_in_the_function_is_raised_in_the_client(server: LoopbackServer) -> None:
    assert result(server, spawn(server, "fail.spawn()")) == "ValueError no such bird"


def test_the_client_is_there_and_what_the_image_lacks_is_missing(server: LoopbackServer) -> None:
    output = said(
        program(
            server, "with app.run():\n    print(*missing.map(['torch', 'yaml', 'rich', 'modal']), sep=', ')"
        )
    )
    assert output == "torch is missing, yaml is missing, rich is missing, modal is there"


def test_a_container_leaves_nothing_on_the_host(server: LoopbackServer) -> None:
    assert (
        said(program(server, "with app.run():\n    print(leave_traces.remote())")) == "Read-only file system"
    )
    assert not any(Path(path).exists() for path in ("/made", "/root/made", "/tmp/made"))


def test_a_container_calls_another_function(server: LoopbackServer) -> None:
    output = said(program(server, "with app.run():\n    print(sum(ask_another.map(range(3))))"))
    assert output == "8"
    ran = [task for task in server.tasks() if task["function"] == "ask_another"]
    assert len(ran) == 3  # one after the other: max_containers=1, and each is used once


def test_large_arguments_and_results_travel(server: LoopbackServer) -> None:
    check = "with app.run():\n    data = os.urandom(3_000_000)\n    print(same.remote(data) == data)"
    assert said(program(server, check)) == "True"


def test_a_failing_input_is_tried_again_as_the_retry_policy_says(server: LoopbackServer) -> None:
    call_id = spawn(server, "third_time.spawn('third')")
    assert result(server, call_id) == "third"
    inputs = next(call for call in server.calls() if call["id"] == call_id)["inputs"]
    assert (inputs[0]["attempts"], inputs[0]["failures"]) == (3, 2)


def test_a_preempted_input_runs_again_without_counting_a_retry(server: LoopbackServer) -> None:
    call_id = spawn(server, "sleep_once.spawn('preempted')")
    task = wait_until_asleep(server, call_id)
    server.preempt(task["id"])
    assert result(server, call_id) == "attempt 2"
    inputs = next(call for call in server.calls() if call["id"] == call_id)["inputs"]
    assert (inputs[0]["attempts"], inputs[0]["failures"]) == (2, 0)
    assert in_volume(server, "preempted.lost") == "never committed"  # the exit handler did commit


def test_returning_from_a_preemption_is_taken_for_success(server: LoopbackServer) -> None:
    call_id = spawn(server, "sleep_once.spawn('returned', how='return')")
    task = wait_until_asleep(server, call_id)
    server.preempt(task["id"])
    assert result(server, call_id) == "returned"


def test_a_killed_container_loses_what_it_did_not_commit_and_fails_its_input(server: LoopbackServer) -> None:
    call_id = spawn(server, "sleep_once.spawn('killed')")
    task = wait_until_asleep(server, call_id)
    server.kill(task["id"])
    assert "ended without a result (exit code -9)" in result(server, call_id)
    assert "killed.lost" not in said(start(server, MODAL, "volume", "ls", "kept"))


def test_a_time_limit_reaches_the_code_as_an_input_cancellation(server: LoopbackServer) -> None:
    assert result(server, spawn(server, "too_long.spawn()")).startswith("FunctionTimeoutError")
    assert in_volume(server, "ended-by") == "InputCancellation"


def test_a_cancelled_call_ends_and_says_so(server: LoopbackServer) -> None:
    call_id = spawn(server, "sleep_once.spawn('cancelled')")
    wait_until_asleep(server, call_id)
    assert said(program(server, f"modal.FunctionCall.from_id('{call_id}').cancel()")) == ""
    assert "cancelled" in result(server, call_id)


def test_an_app_is_listed_stopped_and_its_logs_are_read_by_the_command(server: LoopbackServer) -> None:
    call_id = spawn(server, "sleep_once.spawn('stopped')")
    app_id = app_of(server, call_id)
    wait_until_asleep(server, call_id)
    assert "sleeping" in said(start(server, MODAL, "app", "logs", app_id))
    assert app_id in said(start(server, MODAL, "app", "list", "--json"))
    assert server.running_task()["id"] in said(start(server, MODAL, "container", "list", "--json"))
    assert said(start(server, MODAL, "app", "stop", app_id, "--yes")) == ""
    server.wait_for(lambda: state_of(server, app_id) == "stopped")
    assert "stopped" in result(server, call_id)
    assert "sleeping" in said(start(server, MODAL, "app", "logs", app_id, "--follow"))


def test_an_app_whose_client_was_killed_stops_without_it(tmp_path: Path) -> None:
    (tmp_path / "control_app.py").write_text(APP)
    with LoopbackServer(folder=tmp_path, missing_heartbeats=3) as server:
        server.environment["MODAL_HEARTBEAT_INTERVAL"] = "0.5"
        client = program(server, "with app.run():\n    sleep_once.remote('orphan')")
        task = server.running_task()
        client.kill()
        client.communicate()
        server.wait_for(lambda: state_of(server, task["app"]) == "stopped")


def test_a_deployed_function_is_found_by_name(server: LoopbackServer) -> None:
    assert "App deployed" in said(start(server, MODAL, "deploy", "control_app.py"))
    output = said(
        program(
            server,
            """
            found = modal.Function.from_name("control", "square")
            print(found.remote(3), found.with_options(timeout=30).remote(4))
            """,
        )
    )
    assert output == "9 16"
    assert said(start(server, MODAL, "app", "stop", "control", "--yes")) == ""


def test_a_refused_rpc_is_tried_again_by_the_client_and_a_rejected_token_is_not(
    server: LoopbackServer,
) -> None:
    server.refuse("FunctionMap", times=2)
    server.delay("AppCreate", seconds=0.2)
    assert said(program(server, "with app.run():\n    print(square.remote(8))")) == "64"
    server.reject_token()
    assert "AuthError" in said(program(server, "with app.run():\n    print(square.remote(8))"))


def test_background_commits_publish_what_nobody_committed(tmp_path: Path) -> None:
    (tmp_path / "control_app.py").write_text(APP)
    with LoopbackServer(folder=tmp_path, background_commits=0.2) as server:
        wait_until_asleep(server, spawn(server, "sleep_once.spawn('background')"))
        server.wait_for(lambda: in_volume(server, "background.lost") == "never committed")


def test_a_killed_server_takes_its_containers_along_and_comes_back_with_its_volumes(tmp_path: Path) -> None:
    (tmp_path / "control_app.py").write_text(APP)
    with LoopbackServer(folder=tmp_path) as server:
        call_id = spawn(server, "sleep_once.spawn('crash')")
        process = Path(f"/proc/{wait_until_asleep(server, call_id)['pid']}")
        server.kill_server()
        deadline = time.monotonic() + 5
        while process.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not process.exists()
        server.restart()
        assert in_volume(server, "crash.attempts") == "x"
        assert result(server, call_id).startswith("NotFoundError")
