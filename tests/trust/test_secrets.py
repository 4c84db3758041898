"""Secrets of the environment are in nothing that is written or printed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from mabe_core.cloud.packing import pack
from mabe_core.discovery import load_plugins
from mabe_core.errors import UserError
from mabe_core.experiment import read_document, resolve
from tests.conftest import TINY
from tests.trust.conftest import Shell

SECRETS = {
    "MODAL_TOKEN_SECRET": "as-planted0000000000modal",
    "AWS_SECRET_ACCESS_KEY": "planted/aws+0000000000000000000000000000",
    "HF_TOKEN": "hf_planted00000000000000",
    "MY_DATABASE_PASSWORD": "planted-pass-phrase",
}
REMOTE = "planted-remote-token"

TELLTALE = """
import os

import attrs

from mabe_core import MetricSpec, hookimpl


@attrs.frozen
class Config:
    '''Tells all it knows.'''


def build(config, shape):
    def metric(evaluation):
        raise RuntimeError(f"no answer of https://me:{os.environ['HF_TOKEN']}@host with {dict(os.environ)}")

    return metric


@hookimpl
def mabe_metrics():
    return [MetricSpec(name="telltale", config=Config, build=build)]
"""


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Return a checkout with a token in its remote's address, and two experiments: one that fails aloud."""
    (tmp_path / "telltale.py").write_text(TELLTALE)
    quick = TINY.replace("epochs: 4", "epochs: 1")
    (tmp_path / "tiny.yaml").write_text(quick)
    loud = quick.replace("plugins: [", "plugins: [telltale.py, ").replace(
        "name: tiny\nseed", "name: loud\nseed"
    )
    (tmp_path / "loud.yaml").write_text(loud + "metrics: [f1, telltale]\n")
    for words in (
        ["init", "-q"],
        ["remote", "add", "origin", f"https://me:{REMOTE}@example.org/x.git"],
        ["add", "tiny.yaml"],
        ["-c", "user.name=x", "-c", "user.email=x@y", "commit", "-qm", "x"],
    ):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    return tmp_path


def leaks(text: str) -> list[str]:
    return [secret for secret in (*SECRETS.values(), REMOTE) if secret in text]


def test_no_secret_is_written_or_printed(work: Path, shell: Shell) -> None:
    printed = [
        done
        for words in (
            ["run", "tiny.yaml"],
            ["run", "loud.yaml"],
            ["run", "loud.yaml"],
            ["run", "tiny.yaml", "--set", "name=https://me:planted-remote-token@x"],
            ["runs", "--json"],
            ["report", "tiny-"],
            ["models", "add", "tiny-", "--name", "kept"],
            ["models", "card", "kept"],
            ["export", "kept", "-o", "exported", "--no-onnx"],
            ["doctor", "--json"],
        )
        if (done := shell(*words, **SECRETS))
    ]
    assert [done.returncode for done in printed[:4]] == [0, 1, 1, 2]
    assert "RuntimeError: no answer of https://***@host" in printed[1].stderr
    assert "'HF_TOKEN': '$HF_TOKEN'" in printed[1].stderr
    assert not [leaks(done.stdout + done.stderr) for done in printed if leaks(done.stdout + done.stderr)]
    files = [file for file in work.rglob("*") if file.is_file() and ".git" not in file.parts]
    names = {file.name for file in files}
    assert {"record.json", "log.txt", "metrics.jsonl", "entry.json", "MODEL_CARD.md"} < names
    found = {
        str(file): found for file in files if (found := leaks(file.read_bytes().decode(errors="replace")))
    }
    assert found == {}


def test_no_secret_is_sent_with_an_experiment(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(work)
    document = read_document("tiny.yaml")
    registry = load_plugins(document.plugin_files)
    packed = pack(resolve(document, registry), registry, work)
    assert leaks(packed.request.to_text()) == []
    assert packed.request.git is not None


def test_an_error_tells_the_name_of_a_secret_and_not_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", SECRETS["HF_TOKEN"])
    monkeypatch.setenv("USE_TOKEN", "true")
    error = UserError(f"it is true that {SECRETS['HF_TOKEN']} was refused by ftp://me:pass@host/x")
    assert str(error) == "it is true that $HF_TOKEN was refused by ftp://***@host/x"
