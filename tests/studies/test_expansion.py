"""A study's file: which experiments it stands for, and what is told where it is wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mabe_core.discovery import load_plugins
from mabe_core.errors import UserError
from mabe_core.experiment import identity_tree, read_document, resolve, to_text
from mabe_core.runs.identity import experiment_id
from mabe_core.studies.expansion import study_id

from .conftest import FILE, expanded, opened

GRU = Path(__file__).parents[2] / "examples" / "gru" / "gru.py"


def id_of(file: Path, *overrides: str) -> str:
    document = read_document(file, overrides)
    registry = load_plugins(document.plugin_files)
    return experiment_id(resolve(document, registry), registry)


def complaints(file: Path, *overrides: str) -> str:
    with pytest.raises(UserError) as caught:
        expanded(file, *overrides)
    return str(caught.value)


def test_members_have_the_ids_of_the_same_experiments_without_a_study(write_study) -> None:
    file = write_study(
        "  seeds: [3, 4]\n  folds: 2\n  grid:\n    optimizer.learning_rate: [1e-3, 1e-2]\n    scheduler: [cosine, null]\n",
        ("  sequence_length: 16", "  split: recordings\n  sequence_length: 16"),
    )
    members = expanded(file)
    assert len({member.id for member in members}) == 2 * 2 * 2 * 2
    for member in members:
        words = [f"{key}={'null' if value is None else value}" for key, value in member.settings.items()]
        assert id_of(file, "study=null", "data.split.folds=2", *words) == member.id
    assert list(members[0].settings) == ["optimizer.learning_rate", "scheduler", "data.split.fold", "seed"]


def test_another_component_drops_what_the_base_says_of_its_own(write_study) -> None:
    file = write_study(
        "  grid:\n    model: [transformer, {name: gru, hidden_dim: 4}]\n",
        ("plugins: [", f"plugins: [{GRU}, "),
    )
    models = [member.experiment.model for member in expanded(file)]
    assert [(model.name, model.config.hidden_dim) for model in models] == [("transformer", 16), ("gru", 4)]
    assert models[0].config.num_layers == 1


def test_a_file_without_a_study_says_nothing_of_studies(write_study) -> None:
    file = write_study("  seeds: [0]\n")
    document = read_document(file, ["study=null"])
    assert "study" not in to_text(resolve(document, load_plugins(document.plugin_files)))


def test_a_study_may_be_extended(write_study, tmp_path: Path) -> None:
    write_study("  seeds: [0, 1]\n  grid: {training.epochs: [1, 2]}\n")
    child = tmp_path / "child.yaml"
    child.write_text(f"extends: {FILE}\nstudy:\n  seeds: [0, 1, 2]\n", encoding="utf-8")
    assert len(expanded(child)) == 6


GRID = "  grid:\n    optimizer.learning_rate: [1e-3, 1e-2]\n    training.epochs: [1, 2]\n"


@pytest.mark.parametrize(
    ("override", "varied", "number"),
    [
        ("study.grid.optimizer.learning_rate=null", ["training.epochs", "seed"], 4),
        ("study.grid.optimizer.learning_rate=[1e-4]", ["optimizer.learning_rate", "training.epochs", "seed"], 4),
        ("study.grid.optimizer.learning_rate.1=1e-4", ["optimizer.learning_rate", "training.epochs", "seed"], 8),
        ("study.grid.model.hidden_dim=[8, 16]", ["optimizer.learning_rate", "training.epochs", "model.hidden_dim", "seed"], 16),
        ("study.grid={training.epochs: null}", ["optimizer.learning_rate", "seed"], 4),
        ("study.grid=null", ["seed"], 2),
        ("study.seeds=null", ["optimizer.learning_rate", "training.epochs"], 4),
    ],
)  # fmt: skip
def test_an_axis_is_dropped_replaced_or_added_by_its_own_dotted_key(
    write_study, override: str, varied: list[str], number: int
) -> None:
    members = expanded(write_study(GRID + "  seeds: [0, 1]\n"), override)
    assert list(members[0].settings) == varied
    assert len(members) == number
    if "1e-4" in override:
        assert 1e-4 in {member.settings["optimizer.learning_rate"] for member in members}


def test_a_child_drops_an_axis_of_the_study_that_it_extends(write_study, tmp_path: Path) -> None:
    write_study(GRID)
    child = tmp_path / "child.yaml"
    child.write_text(f"extends: {FILE}\nstudy: {{grid: {{training.epochs: null}}}}\n", encoding="utf-8")
    assert [list(member.settings) for member in expanded(child)] == [["optimizer.learning_rate"]] * 2


def test_growing_makes_another_study_of_the_same_members(write_study) -> None:
    file = write_study("  seeds: [0, 1]\n")
    small, large = opened(file), opened(file, "study.seeds=[0, 1, 2]")
    assert study_id(small, small.members()) != study_id(large, large.members())
    assert {member.id for member in small.members()} < {member.id for member in large.members()}


@pytest.mark.parametrize(
    ("study", "told"),
    [
        ("  seeds: [1, 1]\n", ["@1: study.seeds: has the same seed twice"]),
        ("  seeds: []\n", ["study: varies nothing"]),
        ("  seeds: [-1]\n", ["@1: study.seeds: item 0 must be >= 0"]),
        ("  sedes: [1]\n", ["@1: study.sedes: there is no key `sedes` in study. Did you mean 'seeds'?"]),
        ("  grid: {model: []}\n", ["study.grid.model: has no values"]),
        ("  grid: {model: transformer}\n", ["study.grid.model: expects a list of any values or null, not the text"]),
        ("  grid: {training.epochs: [1, 2, 1]}\n", ["study.grid.training.epochs[2]: is in the list twice"]),
        ("  grid: {name: [a, b]}\n", ["study.grid.name: `name` is the same in all"]),
        ("  seeds: [1]\n  grid: {seed: [2]}\n", ["@2: study.grid.seed: is varied already, by `seeds`"]),
        (
            "  grid:\n    model:\n      - transformr\n      - {name: transformer, hiden_dim: 8}\n    training.epoks: [1]\n",
            [
                "@3: model: no model is named 'transformr'. Did you mean 'transformer'?",
                "@4: model.hiden_dim: there is no key `hiden_dim` in model (transformer). Did you mean 'hidden_dim'?",
                "@5: training.epoks: there is no key `epoks` in training. Did you mean 'epochs'?",
            ],
        ),
        ("  grid: {training.epochs: [1, two]}\n", ["@1: training.epochs: expects a whole number, not the text 'two'"]),
        ("  grid: {threads: [1, 2]}\n", ["study.grid.threads: threads=1 and threads=2 are the same experiment"]),
        ("  grid: {data.features.3.x: [1]}\n", ["@1: '3' is no index of the list before it"]),
        ("  folds: 5\n", ["study.folds: the split 'given' makes no folds. Write `split: recordings`"]),
        ("  folds: 2147483648\n", ["study.folds: 2147483648 folds are more experiments than a study has: 1000"]),
        ("  folds: 1\n", ["study.folds: expects 2 folds or more, not 1"]),
        ("  folds: {by: subject}\n", ["study.folds: `number` is missing"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line(write_study, study: str, told: list[str]) -> None:
    change = (
        [("  sequence_length: 16", "  features: [normalize]\n  sequence_length: 16")]
        if "features" in study
        else []
    )
    file = write_study(study, *change)
    said = complaints(file)
    above = file.read_text().splitlines().index("study:") + 1
    for expected in told:
        assert re.sub(r"^@(\d)", lambda line: f"{FILE}:{above + int(line[1])}", expected) in said


def test_there_is_a_bound_on_how_many(write_study) -> None:
    file = write_study(
        "  grid: {training.epochs: [1]}\n  seeds: [" + ", ".join(map(str, range(1001))) + "]\n"
    )
    assert "1 × 1001 are 1001 experiments; a study has at most 1000" in complaints(file)


def test_a_base_that_is_wrong_is_told_once(write_study) -> None:
    file = write_study("  seeds: [0, 1, 2]\n", ("num_heads: 2", "num_head: 2"))
    assert complaints(file).count("there is no key `num_head`") == 1


def test_a_field_that_came_later_is_in_the_id_where_it_is_not_its_default(write_study) -> None:
    file = write_study("  seeds: [0]\n")

    def asked(*settings: str) -> dict[str, object]:
        document = read_document(file, [f"data.split={{name: recordings, {', '.join(settings)}}}"])
        split: dict[str, object] = identity_tree(resolve(document, load_plugins(document.plugin_files)))[
            "data"
        ]["split"]
        return split

    assert asked() == {"name": "recordings", "validation": 0.2, "test": 0.0, "group_by": "recording"}
    assert asked("fold_by: order") == asked()
    assert asked("folds: 2", "fold: 0") == {**asked(), "folds": 2, "fold": 0}
