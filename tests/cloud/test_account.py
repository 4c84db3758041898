"""Without an account, a token or a network: one message, soon, that says which and what to do."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cloud.conftest import Client
from tests.conftest import ROOT, Outcome
from tests.modal_server.running import environment_without_modal

V3 = ROOT / "experiments" / "v3_transformer.yaml"
# far less than the minute for which Modal's client tries by itself; tests share the cores
SOON = 25
COMMANDS = [
    ("run", V3, "--cloud"),
    ("runs", "--cloud"),
    ("pull", "v3"),
    ("attach", "v3"),
    ("logs", "v3"),
    ("stop", "v3"),
    ("data", "list"),
]


def mabe(tmp_path: Path, words: tuple[object, ...], **environment: str) -> tuple[Outcome, float]:
    config = tmp_path / "modal.toml"
    config.touch()
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "mabe_core.cli", *map(str, words)],
        capture_output=True,
        text=True,
        env=environment_without_modal() | {"MODAL_CONFIG_PATH": str(config)} | environment,
        cwd=tmp_path,
        timeout=60,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr), time.monotonic() - began


def one_message(told: Outcome) -> str:
    assert told.code == 2, told
    assert "Traceback" not in told.err
    (line,) = told.err.strip().splitlines()
    return line


@pytest.fixture
def silent() -> Iterator[str]:
    """Return the address of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        kept: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    kept.append(server.accept()[0])
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        for each in kept:
            each.close()


TOKEN = {"MODAL_TOKEN_ID": "ak-x", "MODAL_TOKEN_SECRET": "as-x"}


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: str(words[0]))
def test_no_account(tmp_path: Path, words: tuple[object, ...]) -> None:
    told, seconds = mabe(tmp_path, words)

    assert "`modal token new`" in one_message(told)
    assert "MODAL_TOKEN_ID" in told.err
    assert seconds < SOON


def test_no_network(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    told, seconds = mabe(tmp_path, ("runs", "--cloud"), MODAL_SERVER_URL=f"http://127.0.0.1:{port}", **TOKEN)

    assert "is there a network?" in one_message(told)
    assert seconds < SOON


def test_no_name_server(tmp_path: Path) -> None:
    told, seconds = mabe(tmp_path, ("runs", "--cloud"), MODAL_SERVER_URL="https://api.modal.invalid", **TOKEN)

    assert "api.modal.invalid" in one_message(told)
    assert seconds < SOON


def test_a_network_that_swallows_everything(tmp_path: Path, silent: str) -> None:
    told, seconds = mabe(tmp_path, ("runs", "--cloud"), MODAL_SERVER_URL=silent, **TOKEN)

    assert "is there a network?" in one_message(told)
    assert seconds < SOON


def test_a_token_that_is_refused(client: Client) -> None:
    client.server.reject_token()
    told = client("runs", "--cloud")

    assert "`modal token new`" in one_message(told)


def test_a_profile_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "modal.toml").write_text('[work]\ntoken_id = "ak-x"\ntoken_secret = "as-x"\n')
    told, _ = mabe(tmp_path, ("runs", "--cloud", "--profile", "wrok"))

    assert "no Modal profile 'wrok'" in one_message(told)
    assert "work" in told.err


def test_a_volume_that_is_not_there(client: Client) -> None:
    told = client("pull", "tiny", "--volume", "nowhere")

    assert "nowhere" in one_message(told)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--gpu", "A10"), "Did you mean 'A10G'?"),
        (("--gpu", "H100:9"), "count of 1 to 8"),
        (("--timeout", "2 hours"), "such as 90s, 30min, 2h"),
        (("--timeout", "25h"), "at most 24h"),
        (("--set", "cloud.retires=1"), "Did you mean 'retries'?"),
        (("--set", "cloud.volume=a/b"), "cloud.volume"),
    ],
)
def test_wrong_settings_of_the_cloud(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    told, _ = mabe(tmp_path, ("run", V3, "--cloud", *words), **TOKEN)

    assert said in one_message(told)


@pytest.mark.parametrize("words", [("--detach",), ("--gpu", "T4"), ("--timeout", "1h")])
def test_what_belongs_to_the_cloud_asks_for_it(tmp_path: Path, words: tuple[str, ...]) -> None:
    told, _ = mabe(tmp_path, ("run", V3, *words))

    assert told.code == 2
    assert "--cloud" in told.err


def test_modal_is_not_imported_before_the_cloud_is_used() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, mabe_core.cli.cmd_run, mabe_core.cli.cmd_pull, mabe_core.cli.cmd_runs; print('modal' in sys.modules, 'torch' in sys.modules)",
        ],
        capture_output=True,
        text=True,
        env=dict(os.environ),
        check=True,
    )

    assert done.stdout.strip() == "False False"
