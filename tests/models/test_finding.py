"""What a reference leads to, and that nothing that was changed is used silently."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from mabe_core.errors import UserError
from mabe_core.models.finding import find_model
from mabe_core.runs.study import Member, Study, write_study


@pytest.fixture
def find(runs, tmp_path: Path):
    return lambda reference: find_model(reference, tmp_path / "runs", tmp_path / "models")


def test_a_name_is_its_best_else_its_newest_version(mabe, runs, find):
    for run in runs:
        mabe("models", "add", run.name, "--name", "rats")
    assert find("rats").name == "rats@2"
    mabe("models", "promote", "rats@1", "best")
    assert find("rats").name == "rats@1"
    assert find("rats@2").run_id == runs[1].name
    source = find("rats@best")
    assert source.told == f"rats@1 (best), run {runs[0].name}"
    assert hashlib.sha256(source.read_model()).hexdigest() == source.sha256
    assert source.run.experiment.exists()


def test_a_name_of_the_registry_goes_before_the_beginning_of_an_id(mabe, runs, find):
    mabe("models", "add", runs[1].name, "--name", "tiny")
    assert find("tiny").name == "tiny@1"


def test_a_run_is_found_by_the_beginning_of_its_id_and_by_its_folder(runs, find):
    best = json.loads((runs[0] / "best.json").read_text())["checkpoint"]
    for reference in (runs[0].name[:-1], str(runs[0])):
        source = find(reference)
        assert (source.folder, source.checkpoint) == (runs[0], best)
        assert source.checkpoint_folder.is_dir()
        assert not source.notes


def test_a_run_that_is_not_finished_says_so(runs, find):
    record = json.loads((runs[0] / "record.json").read_text())
    (runs[0] / "record.json").write_text(json.dumps({**record, "state": "interrupted"}))
    assert "best checkpoint so far" in find(runs[0].name).notes[0]


def test_a_run_whose_checkpoints_are_gone_says_so(runs, find):
    shutil.rmtree(runs[0] / "checkpoints")
    with pytest.raises(UserError, match=r"the best checkpoint of .* is not in .*mabe pull"):
        find(runs[0].name)


def test_an_entry_that_was_copied_elsewhere_is_a_model_too(mabe, runs, find, tmp_path):
    mabe("models", "add", runs[0].name, "--name", "rats")
    shutil.copytree(tmp_path / "models" / "rats" / "1", tmp_path / "mine")
    assert find(f"{tmp_path}/mine").sha256 == find("rats").sha256


def test_what_was_changed_is_refused(mabe, runs, find, tmp_path):
    mabe("models", "add", runs[0].name, "--name", "rats")
    entry = tmp_path / "models" / "rats" / "1"
    source = find("rats")
    weights = next(entry.rglob("model.safetensors"))
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(UserError, match=r"model\.safetensors was changed"):
        find("rats")
    with pytest.raises(UserError, match="was changed"):
        source.read_model()
    # hashes that were made to fit are still not those that were added
    told = json.loads((entry / "entry.json").read_text())
    told["model"] = hashlib.sha256(content).hexdigest()
    told["files"][str(weights.relative_to(entry))] = told["model"]
    (entry / "entry.json").write_text(json.dumps(told))
    with pytest.raises(UserError, match="its entry was changed"):
        find("rats")


def test_an_entry_cannot_name_files_outside_it(mabe, runs, find, tmp_path):
    mabe("models", "add", runs[0].name, "--name", "rats")
    file = tmp_path / "models" / "rats" / "1" / "entry.json"
    told = json.loads(file.read_text())
    told["files"]["../../../secret"] = "0" * 64
    file.write_text(json.dumps(told))
    with pytest.raises(UserError, match="no part of a model"):
        find("rats")


def test_what_is_not_there_is_told_with_what_to_do(find, tmp_path, runs):
    with pytest.raises(UserError, match="mabe pull mice"):
        find("mice")
    with pytest.raises(UserError, match="is no folder"):
        find("./nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no model"):
        find(f"{tmp_path}/empty")
    members = tuple(Member(id=run.name, settings={}) for run in runs)
    write_study(
        tmp_path / "runs",
        Study(id="two-0123456789", name="two", description="", axes=[], members=members, text=""),
    )
    with pytest.raises(UserError, match="a study of 2 runs"):
        find("two")
