"""The rat study: five folds by session number, and ablations that share the study's own runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from mabe_core.discovery import load_plugins
from mabe_core.experiment import read_document
from mabe_core.studies.expansion import study_file

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
ABLATIONS = sorted((EXPERIMENTS / "rat_ablations").glob("*.yaml"))


def members(file: Path):
    return study_file(read_document(file), load_plugins()).members()


def test_it_is_two_models_by_three_seeds_by_five_folds():
    found = members(EXPERIMENTS / "rat_dyad.yaml")
    splits = [each.experiment.data.split.config for each in found]
    assert len({each.id for each in found}) == 2 * 3 * 5
    assert {(split.folds, split.fold_by) for split in splits} == {(5, "number")}
    assert {split.fold for split in splits} == {0, 1, 2, 3, 4}


@pytest.mark.parametrize("file", ABLATIONS, ids=lambda file: file.stem)
def test_each_ablation_begins_with_the_studys_own_setting_and_changes_one_part(file):
    own = {each.id for each in members(EXPERIMENTS / "rat_dyad.yaml")}
    found = members(file)
    assert len(own & {each.id for each in found}) >= 5
    assert {each.id for each in found[:5]} <= own
    assert len({repr(each.settings.get("model")) for each in found}) == 1 or file.stem == "models"
