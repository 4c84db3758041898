"""`mabe init`: a folder that runs as it is; what is there already is kept, and told."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from tests.scaffold.test_new import SCHEMA, quick


def test_it_makes_a_folder_that_runs_as_it_is_and_keeps_what_is_there(mabe, folder, monkeypatch):
    mine = folder / "mice" / ".gitignore"
    mine.parent.mkdir()
    mine.write_text("mine")
    outcome = mabe("init", "mice")
    assert outcome.code == 0, outcome.err
    assert f"kept {Path('mice/.gitignore')}, which was there" in outcome.out
    assert mine.read_text() == "mine"
    settings = json.loads((folder / "mice" / ".vscode" / "settings.json").read_text())
    assert settings["yaml.schemas"] == {"./mabe.schema.json": ["*.yaml"]}
    monkeypatch.chdir(folder / "mice")
    trained = mabe(*quick(["mabe-run", "my_model.yaml"]))
    assert trained.code == 0, trained.err


def test_a_second_time_all_is_kept_and_told(mabe, folder):
    first, second = mabe("init", "mice").out, mabe("init", "mice").out
    wrote = {line.removeprefix("wrote ") for line in first.splitlines() if line.startswith("wrote ")}
    assert {str(Path("mice", SCHEMA)), str(Path("mice/my_model.py"))} < wrote
    kept = {line for line in second.splitlines() if line.startswith("kept ")}
    assert kept == {f"kept {file}, which was there" for file in wrote}


def test_a_plugin_that_was_there_is_kept_even_where_it_is_broken(mabe, folder):
    mine = folder / "my_model.py"
    mine.write_text("from mabe_core import hookimpl\n\n\n@hookimpl\ndef mabe_modles(): ...\n")
    outcome = mabe("init", ".")
    assert outcome.code == 0
    assert "kept my_model.py, which was there" in outcome.out
    assert f"wrote {SCHEMA}" in outcome.out
    assert "lacks what my_model.py offers, which was not run here" in outcome.err


def test_a_plugin_that_was_there_is_not_run_unasked(mabe, folder):
    mine = folder / "found.py"
    mine.write_text(
        "from mabe_core import hookimpl\nopen('sign', 'w').close()\n\n@hookimpl\ndef mabe_models(): ...\n"
    )
    outcome = mabe("init", ".")
    assert outcome.code == 0
    assert not (folder / "sign").exists()
    assert "`mabe schema -p found.py -o mabe.schema.json`" in outcome.err


def test_a_link_to_nothing_is_not_written_through(mabe, folder):
    (folder / "my_model.py").symlink_to(folder / "nowhere")
    assert "kept my_model.py" in mabe("init", ".").out
    assert not (folder / "nowhere").exists()


@pytest.mark.parametrize("name", ["with space", "-dash", "it's"])
def test_what_comes_next_can_be_typed_as_it_is(mabe, folder, name):
    said = mabe("init", "--", name).out.partition("next:\n")[2].splitlines()
    command, place = shlex.split(said[0])
    assert command == "cd"
    assert not place.startswith("-")
    assert (folder / place / "my_model.yaml").exists()


def test_the_folder_that_one_is_in_needs_no_cd_and_has_a_name(mabe, folder):
    assert "cd" not in mabe("init", ".").out.partition("next:\n")[2].split()
    refused = mabe("init", "")
    assert refused.code == 2
    assert "name a folder; `.` is the one that you are in" in refused.err
