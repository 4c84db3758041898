"""`mabe diff`, and what a run tells about an earlier one whose plugin file was edited since."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from mabe_core.runs.directory import RunDirectory, all_runs
from mabe_core.runs.studies import study_ids
from tests.conftest import FILES, TINY

WAS, IS = "np.where(meet, 0.2, 1.5)", "np.where(meet, 0.3, 1.5)"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Return a short experiment with a copy of its plugin file beside it, which can be edited."""
    (tmp_path / "tiny.py").write_bytes((FILES / "tiny.py").read_bytes())
    file = tmp_path / "tiny.yaml"
    text = TINY.replace(str(FILES / "tiny.py"), "tiny.py").replace("epochs: 4", "epochs: 1")
    file.write_text(text, encoding="utf-8")
    return file


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def ids(tmp_path: Path) -> list[str]:
    return [run.id for run in all_runs(tmp_path / "runs")]


def test_an_edited_plugin_file_is_shown_and_the_earlier_run_goes_on_with_its_copy(mabe, own, tmp_path):
    assert mabe("run", own).code == 0
    (first,) = ids(tmp_path)
    edit(own.with_name("tiny.py"), WAS, IS)
    second = mabe("run", own)
    assert second.code == 0
    assert f"tiny.py was edited since {first}; `mabe-run --resume {first}` goes on" in second.out
    assert f"-        distance = {WAS}" in second.out
    assert f"+        distance = {IS}" in second.out
    assert len(ids(tmp_path)) == 2
    resumed = mabe("run", "--resume", first)
    assert resumed.code == 0
    assert f"{first} is finished" in resumed.out
    assert len(ids(tmp_path)) == 2
    assert "was edited" not in mabe("run", own).out


def test_an_interrupted_run_goes_on_with_its_copy_as_if_nothing_was_edited(mabe, own, tmp_path):
    mabe("run", own, "--set", "training.epochs=2", "--set", "checkpoint.every_epochs=1")
    (run,) = all_runs(tmp_path / "runs")
    whole = losses(run)
    first, second = sorted(run.checkpoints.iterdir())
    shutil.rmtree(second)
    record = json.loads(run.record.read_text())
    run.record.write_text(json.dumps({**record, "state": "interrupted"}))
    edit(own.with_name("tiny.py"), WAS, IS)
    resumed = mabe("run", "--resume", run.id)
    assert resumed.code == 0, resumed.err
    assert f"going on from step {int(first.name.partition('-')[2])}" in resumed.out
    assert losses(run) == whole


def losses(run: RunDirectory) -> list[float]:
    return [line["train_loss"] for line in run.epochs()]


def test_the_nearest_run_is_the_one_with_the_fewest_other_settings(mabe, own, tmp_path):
    mabe("run", own)
    (near,) = ids(tmp_path)
    mabe("run", own, "--set", "seed=8")
    edit(own.with_name("tiny.py"), WAS, IS)
    third = mabe("run", own, "--set", "optimizer.weight_decay=0.1")
    assert f"edited since {near}, and 1 setting differs" in third.out


def test_a_run_whose_settings_alone_are_other_is_not_told_about_files(mabe, own):
    mabe("run", own)
    assert "was edited" not in mabe("run", own, "--set", "seed=8").out


def test_diff_of_a_run_and_its_edited_file(mabe, own, tmp_path):
    mabe("run", own)
    (first,) = ids(tmp_path)
    same = mabe("diff", first, own)
    assert (same.code, same.out.strip()) == (0, f"the same experiment: {first}")
    edit(own.with_name("tiny.py"), WAS, IS)
    edit(own, "hidden_dim: 16", "hidden_dim: 32")
    edit(own, "device: cpu", "device: auto")
    other = mabe("diff", first, own)
    assert other.code == 1
    assert f"+        distance = {IS}" in other.out
    found = json.loads(mabe("diff", first, own, "--json").out)
    assert found["a"]["id"] == first
    assert not found["same_id"]
    assert found["settings"] == [
        {"what": "model.hidden_dim", "a": 16, "b": 32, "in_id": True},
        {"what": "device", "a": "cpu", "b": "auto", "in_id": False},
    ]
    (component,) = found["components"]
    assert component["what"] == "content of tiny.py"
    (file,) = found["files"]
    assert file["name"] == "tiny.py"


def test_what_is_not_in_the_id_differs_and_the_id_stays(mabe, own, tmp_path):
    other = tmp_path / "other.yaml"
    other.write_text("extends: tiny.yaml\ndescription: said\ncheckpoint: {every_epochs: 9}\n")
    outcome = mabe("diff", own, other, "--json")
    assert outcome.code == 0
    assert [each["what"] for each in json.loads(outcome.out)["settings"]] == [
        "description",
        "checkpoint.every_epochs",
    ]
    other.write_text("extends: tiny.yaml\nname: other\n")
    renamed = mabe("diff", own, other)
    assert renamed.code == 1
    assert "the same experiment under two names" in renamed.out
    (name,) = [line.split() for line in renamed.out.splitlines() if line.startswith("name ")]
    assert name[1:] == ['"tiny"', '"other"', "yes"]
    other.write_text("extends: tiny.yaml\ndata: {features: [normalize, {name: interpolate, max_gap: 1.0}]}\n")
    features = json.loads(mabe("diff", own, other, "--json").out)["settings"]
    assert [each["what"] for each in features] == ["data.features[0]", "data.features[1]"]
    assert features[1]["a"] == "(absent)"
    assert features[1]["b"]["max_gap"] == 1.0


def test_of_another_component_its_name_is_told_and_what_both_have(mabe, own, tmp_path):
    other = tmp_path / "other.yaml"
    other.write_text("extends: tiny.yaml\nmodel: {name: tcn, dropout: 0.3}\n")
    lines = mabe("diff", own, other).out.splitlines()
    settings = [line.split()[0] for line in lines if line.startswith("model.")]
    assert settings[0] == "model.name"
    assert not any("positional_encoding" in line for line in lines)
    assert any("settings that one component has and the other lacks (--json)" in line for line in lines)
    told = json.loads(mabe("diff", own, other, "--json").out)["settings"]
    assert "model.num_heads" in {each["what"] for each in told}


def test_another_version_of_a_component_makes_another_id_and_is_told(mabe, own, tmp_path):
    mabe("run", own)
    (first,) = ids(tmp_path)
    record = tmp_path / "runs" / first / "record.json"
    found = json.loads(record.read_text())
    for component in found["components"]:
        if component["kind"] == "model":
            component["version"] = 7
        if component["kind"] == "scheduler":
            component["sources"] = {"schedulers.py": "0" * 64}
    record.write_text(json.dumps(found))
    told = json.loads(mabe("diff", first, own, "--json").out)["components"]
    assert {"what": "version of model transformer", "a": 7, "b": 1, "in_id": True} in told
    assert {
        "what": "source of scheduler cosine",
        "a": "",
        "b": "other in schedulers.py",
        "in_id": False,
    } in told


def test_studies_are_told_apart_by_what_they_vary(mabe, own: Path) -> None:
    text = own.read_text(encoding="utf-8")
    one, other = own.with_name("one.yaml"), own.with_name("other.yaml")
    one.write_text(text + "study: {seeds: [0, 1]}\n", encoding="utf-8")
    other.write_text(text + "study: {seeds: [0, 1, 2]}\n", encoding="utf-8")
    assert mabe("diff", one, one).code == 0
    told = json.loads(mabe("diff", one, other, "--json").out)
    assert told["a"]["id"] != told["b"]["id"]
    assert [(each["what"], each["in_id"]) for each in told["settings"]] == [("study.seeds", True)]


def test_a_study_that_was_run_is_named_by_its_id(mabe, own: Path) -> None:
    text = own.read_text(encoding="utf-8")
    one, other = own.with_name("one.yaml"), own.with_name("other.yaml")
    one.write_text(text + "study: {seeds: [0]}\n", encoding="utf-8")
    other.write_text(text + "study: {seeds: [0, 1]}\n", encoding="utf-8")
    assert mabe("run", one).code == 0
    (study,) = study_ids(own.parent / "runs")
    same = mabe("diff", study, one)
    assert (same.code, same.out.strip()) == (0, f"the same experiment: {study}")
    told = json.loads(mabe("diff", study, other, "--json").out)
    assert (told["a"]["id"], told["same_id"]) == (study, False)
    assert [each["what"] for each in told["settings"]] == ["study.seeds"]
