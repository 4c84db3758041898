"""`mabe doctor`: what is wrong on a machine is told with a remedy, and without asking the network."""

from __future__ import annotations

import json
import shutil

import pytest

from mabe_core.reports import health


@pytest.fixture
def doctor(mabe, monkeypatch, tmp_path):
    """Return a function that looks, on a machine without any account or data, and returns what is not good."""
    for name in ("MODAL_TOKEN_ID", "MODAL_TOKEN_SECRET", "MODAL_PROFILE", "MABE_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MODAL_CONFIG_PATH", str(tmp_path / "modal.toml"))
    monkeypatch.chdir(tmp_path)

    def look(*words):
        outcome = mabe("doctor", "--json", *words)
        found = json.loads(outcome.out)
        assert outcome.code == int(any(each["state"] == "broken" for each in found))
        assert all(each["remedy"] for each in found if each["state"] != "good")
        return {each["subject"]: each for each in found if each["state"] != "good"}

    return look


def test_a_machine_without_data_and_account_is_not_broken(doctor, mabe):
    found = doctor()
    assert {subject: each["state"] for subject, each in found.items()} == {"cloud": "note", "data": "note"}
    shown = mabe("doctor")
    assert shown.code == 0
    assert "→ For `--cloud`, run `modal token new` once" in shown.out
    assert "torch 2." in shown.out


@pytest.mark.parametrize(
    ("text", "state", "told"),
    [
        ('[default]\ntoken_id = "ak-1"\ntoken_secret = "as-secret"\n', "good", ""),
        ('[lab]\ntoken_id = "ak-1"\ntoken_secret = "as-secret"\nactive = true\n', "good", ""),
        ('[lab]\ntoken_id = "ak-1"\nactive = true\n', "broken", "no token for the profile 'lab'"),
        ("[[[", "broken", "cannot be read"),
    ],
)
def test_modals_file_is_read_and_its_secret_never_shown(doctor, mabe, tmp_path, text, state, told):
    (tmp_path / "modal.toml").write_text(text)
    found = doctor()
    assert found.get("cloud", {"state": "good"})["state"] == state
    assert told in found.get("cloud", {"message": ""})["message"]
    assert "secret" not in mabe("doctor").out.replace("MODAL_TOKEN_SECRET", "")


def test_half_a_token_in_the_environment_is_broken(doctor, monkeypatch):
    monkeypatch.setenv("MODAL_TOKEN_ID", "ak-1")
    assert doctor()["cloud"]["message"] == "of Modal's token only MODAL_TOKEN_ID is set"
    monkeypatch.setenv("MODAL_TOKEN_SECRET", "as-1")
    assert "cloud" not in doctor()


def test_a_data_folder_that_is_gone_and_runs_that_cannot_be_written_are_broken(doctor, monkeypatch, tmp_path):
    monkeypatch.setenv("MABE_DATA", str(tmp_path / "gone"))
    (tmp_path / "file").write_text("")
    found = doctor("--runs-dir", "file/runs")
    assert "gone, where no folder is" in found["data"]["message"]
    assert found["runs"]["message"].startswith("runs cannot be written to file/runs")
    assert not (tmp_path / "runs").exists()


def test_a_full_disk_and_an_old_package_are_broken(doctor, monkeypatch):
    usage = shutil.disk_usage(".")._replace(free=10**7)
    monkeypatch.setattr(health.shutil, "disk_usage", lambda _: usage)
    monkeypatch.setattr(
        health.importlib.metadata, "requires", lambda _: ["attrs >= 9999", "nowhere-to-be-had"]
    )
    found = list(health.versions())
    assert [each.remedy for each in found if each.state == "broken"] == [
        "pip install -U 'attrs>=9999'",
        "pip install -U 'nowhere-to-be-had'",
    ]
    assert "0.0 GB are free" in doctor()["disk"]["message"]
