"""What a benchmark of studies keeps when its time is over, and how it goes on."""

from __future__ import annotations

import json
from pathlib import Path

import attrs
import pytest

from benchmarks.architectures import DATA, MODELS, Compared
from benchmarks.rats import ABLATIONS
from benchmarks.studies import Place, keep, scores, study_id, train
from mabe_core.discovery import load_plugins
from mabe_core.experiment import read_document
from mabe_core.studies.expansion import study_file
from tests.conftest import TINY

STUDY = f"{TINY}study:\n  seeds: [1, 2]\n"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "runs", tmp_path, jobs=1, device="cpu")


def test_what_is_finished_is_scored_and_the_same_call_goes_on(tmp_path: Path, place: Place) -> None:
    file = tmp_path / "study.yaml"
    file.write_text(STUDY)
    study = study_id(file, place)
    assert not train(file, attrs.evolve(place, ends=0.0)), "the time is over before it begins"
    assert not place.runs_dir.exists()
    assert train(file, place)
    found = scores(study, place)
    assert found is not None
    assert found["members"] == [2, 2]
    one, other = sorted(place.runs_dir.glob("tiny-*/record.json"))
    (values,) = (setting["values"]["macro_f1"] for setting in found["settings"])
    assert sorted(values) == sorted(_final(record.parent) for record in (one, other))
    assert len(found["seconds"]) == 2
    record = json.loads(one.read_text())
    one.write_text(json.dumps(record | {"state": "interrupted"}))
    part = scores(study, place)
    assert part is not None
    assert part["members"] == [1, 2]
    assert part["settings"][0]["values"]["macro_f1"] == [_final(other.parent)]
    file = tmp_path / "out.json"
    keep(file, "studies", "one", part)
    keep(file, "studies", "two", found)
    kept = json.loads(file.read_text())["studies"]
    assert [kept[name]["members"] for name in ("one", "two")] == [[1, 2], [2, 2]]
    assert {"command", "machine", "git"} <= set(kept["one"])


def _final(run: Path) -> float:
    found = json.loads((run / "scores.json").read_text())
    score: float = found["pooled"][found["held_out"]]["macro_f1"]
    return score


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("data", DATA)
def test_what_is_compared_differs_in_nothing_but_model_optimizer_and_steps(
    tmp_path: Path, data: str, model: str
) -> None:
    file = Compared(data, model).write(tmp_path, 7, 10, {"seeds": [0, 1, 2]})
    study = study_file(read_document(file), load_plugins())
    members = study.members()
    assert len(members) == 3, "none of the shipped file's own study is left"
    assert study.experiment.model.name == model
    training = study.experiment.training
    assert (training.epochs, training.windows_per_epoch) == (10, 7 * training.batch_size)


def test_every_ablation_shares_its_first_setting_with_the_study(tmp_path: Path) -> None:
    plain = {study_first(file) for file in ABLATIONS}
    assert len(ABLATIONS) == 5
    assert len(plain) == 1, "the same runs, trained once"


def study_first(file: Path) -> str:
    first: str = study_file(read_document(file), load_plugins()).members()[0].id
    return first
