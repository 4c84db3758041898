"""`mabe plugin new`: what it writes passes the kit and trains, and nothing is written over."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mabe_core.registry import KINDS

SCHEMA = "mabe.schema.json"
QUICK = ("training.epochs=1", "training.windows_per_epoch=64")


def commands(out: str) -> list[list[str]]:
    """Return the commands that `plugin new` says come next."""
    return [line.split() for line in out.partition("next:\n")[2].splitlines()]


def quick(words: list[str]) -> list[str]:
    """Return the words of `mabe-run` as those of `mabe run`, with less to train."""
    return ["run", *words[1:], *(word for setting in QUICK for word in ("--set", setting))]


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_plugin_of_each_kind_passes_its_check_and_its_experiment_runs(mabe, folder, kind):
    written = mabe("plugin", "new", "ripple", "--kind", kind)
    assert written.code == 0, written.err
    check, *run = commands(written.out)
    checked = mabe(*check[1:], "--json")
    assert checked.code == 0, checked.err
    findings = json.loads(checked.out)
    assert {finding["status"] for finding in findings} <= {"passed", "skipped"}
    assert len([finding for finding in findings if finding["about"].endswith("ripple")]) > 4
    assert (folder / "ripple.yaml").read_text().startswith("# yaml-language-server: $schema=")
    trained = mabe(*quick(run[0]))
    assert trained.code == 0, trained.err
    (record,) = (folder.parent / "runs").glob("*/record.json")
    used = {(each["kind"], each["name"]) for each in json.loads(record.read_text())["components"]}
    assert (kind, "ripple") in used


def test_what_is_written_is_formatted_and_sorted_as_the_project_is(mabe, folder, monkeypatch):
    for kind in KINDS:
        (folder / kind).mkdir()
        monkeypatch.chdir(folder / kind)
        assert mabe("plugin", "new", "ripple", "--kind", kind).code == 0
    monkeypatch.chdir(folder)
    settings = ["--isolated", "--line-length", "110"]
    subprocess.run([sys.executable, "-m", "ruff", "format", "--check", *settings, "."], check=True)
    own = ["--config", 'lint.isort.known-first-party=["mabe_core"]']
    rules = ["--select", "E,F,I,B,UP,RUF,SIM"]
    subprocess.run([sys.executable, "-m", "ruff", "check", *rules, *settings, *own, "."], check=True)


@pytest.mark.parametrize("kind", ["model", "pose_reader"])
def test_a_new_package_is_installed_checked_by_its_own_test_and_trained(mabe, folder, monkeypatch, kind):
    written = mabe("plugin", "new", "ripple", "--kind", kind, "--package")
    assert written.code == 0, written.err
    assert not (folder / "ripple.py").exists()
    package = folder / "mabe_ripple"
    assert "mabe_ripple" in (package / "README.md").read_text()
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-index",
        "--no-deps",
        "--no-build-isolation",
    ]
    subprocess.run([*pip, "--target", folder / "site", package], check=True)
    monkeypatch.setenv("PYTHONPATH", str(folder / "site"))
    monkeypatch.chdir(package)
    environment = {**os.environ, "MABE_RUNS": str(folder / "runs")}
    own = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 passed" in own.stdout, own.stdout
    run = next(words for words in commands(written.out) if words[0] == "mabe-run")
    trained = subprocess.run(
        [sys.executable, "-m", "mabe_core.cli", *quick(run)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert trained.returncode == 0, trained.stderr
    (record,) = (folder / "runs").glob("*/record.json")
    used = {each["distribution"] for each in json.loads(record.read_text())["components"]}
    assert "mabe-ripple" in used


def test_files_that_exist_are_never_written_over(mabe, folder):
    (folder / "ripple.yaml").write_text("mine")
    outcome = mabe("plugin", "new", "ripple")
    assert outcome.code == 2
    assert "ripple.yaml: is there already" in outcome.err
    assert not (folder / "ripple.py").exists(), "nothing is written, not a half"
    assert (folder / "ripple.yaml").read_text() == "mine"


def test_a_new_watcher_passes_its_check_and_writes_its_table(mabe, folder):
    written = mabe("plugin", "new", "scores", "--watcher")
    assert written.code == 0, written.err
    check, run = commands(written.out)
    checked = mabe(*check[1:])
    assert checked.code == 0, checked.err
    trained = mabe(*quick(run))
    assert trained.code == 0, trained.err
    (table,) = (folder.parent / "runs").glob("*/scores.csv")
    assert table.read_text().startswith("step,")
    assert str(table) in trained.out + trained.err
    assert "goes without --kind" in mabe("plugin", "new", "other", "--watcher", "--kind", "loss").err


def test_a_packaged_watcher_is_named_by_its_experiment_and_nothing_built_is_kept(mabe, folder):
    assert mabe("plugin", "new", "scores", "--watcher", "--package").code == 0
    assert "watchers: [scores]" in (folder / "mabe_scores" / "scores.yaml").read_text()
    assert "/runs/" in (folder / "mabe_scores" / ".gitignore").read_text()


def test_the_schema_follows_the_plugin_files_of_its_folder(mabe, folder):
    assert f"wrote {SCHEMA}" in mabe("plugin", "new", "ripple").out
    assert f"renewed {SCHEMA}" in mabe("plugin", "new", "costs", "--kind", "loss").out
    known = json.loads((folder / SCHEMA).read_text(encoding="utf-8"))["$defs"]
    assert {"model.ripple", "loss.costs"} <= set(known)
    (folder / "ripple.py").write_text(
        "from mabe_core import hookimpl\n\n\n@hookimpl\ndef mabe_modles(): ...\n"
    )
    renewed = mabe("plugin", "new", "more", "--kind", "loss")
    assert renewed.code == 0
    assert f"{SCHEMA} lacks what ripple.py offers, which was not run here as it is now" in renewed.err
    assert "loss.more" in (folder / SCHEMA).read_text(encoding="utf-8")


def test_three_commands_lead_from_nothing_to_a_trained_plugin(tmp_path):
    """As they are typed, in an empty folder, by programs that pip installed."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    environment.pop("MABE_RUNS", None)
    for line in ("mabe plugin new ripple", "mabe plugin check ripple.py", "mabe-run ripple.yaml"):
        done = subprocess.run(
            line.split(), cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{line}: {done.stderr}"
    (run,) = (tmp_path / "runs").iterdir()
    assert json.loads((run / "record.json").read_text())["state"] == "finished"
    assert (run / "plugins" / "ripple.py").exists()
