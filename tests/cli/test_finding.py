"""Finding components: list, show, plugins, schema and completion, as a user types them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mabe_core.discovery import load_plugins
from mabe_core.experiment import read_text, resolve
from mabe_core.experiment.example import example
from mabe_core.runs.identity import experiment_id
from tests.conftest import FILES
from tests.fake_site import GOOD, plugin

REGISTRY = load_plugins()
OLD = GOOD.replace('name="mine"', 'name="mine", deprecated="name transformer instead"')
SHADOW = GOOD.replace('name="mine"', 'name="transformer", replaces=True')


def test_list_of_one_plugin_by_name_distribution_or_file(mabe):
    def names(word: object) -> set[str]:
        return {row["name"] for row in json.loads(mabe("list", "--plugin", word, "--json").out)}

    assert names("transformer") == {"transformer"}
    assert names("losses") >= {"cross_entropy", "focal"}
    assert names("mabe-core") >= {"transformer", "adamw"}
    assert names(FILES / "tiny.py") == {"tiny", "turn"}
    assert "Did you mean 'losses'?" in mabe("list", "--plugin", "losess").err
    assert f"Did you mean '{FILES / 'tiny.py'}'?" in mabe("list", "--plugin", FILES / "tinny.py").err


def test_list_tells_what_is_deprecated_and_what_replaces_what(mabe, tmp_path):
    listed = mabe("list", "model", "-p", plugin(tmp_path, OLD))
    assert "deprecated: name transformer instead" in listed.out
    shadow = plugin(tmp_path, SHADOW, "shadow.py")
    assert "replaces the built-in" in mabe("list", "-p", shadow).out
    rows = json.loads(mabe("list", "model", "-p", shadow, "-p", "transformer", "--json").out)
    assert [(row["plugin"], row["replaces"], row["replaced_by"]) for row in rows] == [
        ("shadow", True, None),
        ("transformer", False, f"file {shadow}"),
    ]


def test_a_narrow_terminal_gets_two_short_lines_for_each(mabe, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    lines = re.sub(r"\x1b\[[0-9;]*m", "", mabe("list", "model").out).splitlines()
    place = lines.index("model transformer  version 1, plugin transformer, built in")
    assert lines[place + 1].startswith("    Transformer encoder")


def test_hooks_are_whole_words_in_a_narrow_terminal(mabe, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    for columns in (40, 80):
        monkeypatch.setenv("COLUMNS", str(columns))
        lines = re.sub(r"\x1b\[[0-9;]*m", "", mabe("plugins").out).splitlines()
        place = next(number for number, line in enumerate(lines) if line.startswith("mlflow  built in, "))
        hooks = " ".join(lines[place + 1 : place + 6])
        assert {"mabe_epoch_finished,", "mabe_experiment_failed,", "mabe_experiment_finished,"} <= set(
            hooks.split()
        )
        assert max(map(len, lines)) <= columns


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("loss", "--plugin", "tensorboard"), "plugin tensorboard (mabe-core 0.1.0) offers no loss; it watches runs"),
        (("loss", "--plugin", "splits"), "plugin splits (mabe-core 0.1.0) offers no loss"),
    ],
)  # fmt: skip
def test_a_list_of_nothing_says_why(mabe, words, told):
    assert mabe("list", *words).out == f"{told}\n"


def test_a_copy_of_a_plugin_file_is_that_plugin(mabe, tmp_path):
    one, copy = plugin(tmp_path, GOOD), plugin(tmp_path, GOOD, "copy.py")
    assert mabe("list", "-p", one, "-p", copy, "--json").out == mabe("list", "-p", one, "--json").out


def test_the_tree_stands_under_where_each_came_from(mabe):
    lines = mabe("list", "--tree", "-p", "losses", "-p", FILES / "tiny.py").out.splitlines()
    assert lines[0] == str(FILES / "tiny.py")
    assert lines[1].endswith("tiny")
    assert "dataset tiny, version 1: Two animals" in lines[2]
    assert "built in" in lines


def test_a_deprecated_component_is_told_to_whoever_names_it(mabe, tmp_path):
    (tmp_path / "e.yaml").write_text("name: e\ndata: {dataset: synthetic}\nmodel: mine\n")
    outcome = mabe("run", tmp_path / "e.yaml", "-p", plugin(tmp_path, OLD), "--dry-run")
    assert outcome.code == 0
    assert "model 'mine' is deprecated: name transformer instead" in outcome.err
    assert (
        "deprecated: name transformer instead"
        in mabe("show", "model", "mine", "-p", tmp_path / "plug.py").out
    )


@pytest.mark.parametrize("offer", REGISTRY.usable(), ids=lambda offer: f"{offer.spec.kind} {offer.spec.name}")
def test_what_show_gives_to_paste_asks_for_the_same_as_the_bare_name(offer):
    text = example(offer.spec, REGISTRY)
    rest = ["name=e", *([] if "model:" in text else ["model=transformer"])]
    rest += [] if "dataset:" in text else ["data.dataset=synthetic"]
    if "pose_files" in text:
        given = {"folder": "here", "classes": "[a, b]", "pairs": "[{pose: a, labels: b}]"}
        rest += [f"data.dataset.{key}={value}" for key, value in given.items()]
        rest += [] if offer.spec.kind == "label_reader" else ["data.dataset.labels=boris"]
    if "labels_are_symmetric" in text:
        rest.append("data.augmentations.0.labels_are_symmetric=true")
    needed = {"bouts": "unit=frames", "simba": "targets=[a]"}
    if offer.spec.kind == "label_reader" and offer.spec.name in needed:
        rest.append(f"data.dataset.labels.{needed[offer.spec.name]}")
    bare = re.sub(rf"(name: {offer.spec.name}\n)[^-]*$", r"\1", text)
    ids = [
        experiment_id(resolve(read_text(each, overrides=rest), REGISTRY), REGISTRY) for each in (text, bare)
    ]
    assert ids[0] == ids[1]


def test_show_as_json_has_the_fields_the_example_and_the_line(mabe):
    shown = json.loads(mabe("show", "model", "transformer", "--json").out)
    assert shown["file"].endswith("transformer/__init__.py")
    assert "class TransformerConfig" in Path(shown["file"]).read_text().splitlines()[shown["line"]]
    (dropout,) = [field for field in shown["fields"] if field["name"] == "dropout"]
    assert (dropout["default"], dropout["limits"], dropout["required"]) == (0.1, [">= 0", "< 1"], False)
    assert shown["example"].startswith("model:\n  name: transformer\n  hidden_dim: 256 ")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["show", "transformer"], "name the kind first: `mabe show model transformer`"),
        (["show", "dataset"], "which dataset? There are: calms21, mabe_kaggle, pose_files, synthetic."),
        (["show", "trnsformer"], "no kind is named 'trnsformer'"),
        (["show", "modle"], "Did you mean 'model'?"),
        (
            ["list", "transformer"],
            "is the name of a model, and no kind; name the kind first: `mabe show model",
        ),
        (["list", "feture"], "Did you mean 'feature'?"),
        (["schema", "-o", "/dev/null/x.json"], "/dev/null/x.json cannot be written: "),
        (["completion", "fsh"], "Did you mean 'fish'?"),
        (["diff", "nothing-0000000000", "x.yaml"], "no run or study in"),
        (["diff", "a.yaml", "b.yaml"], "a.yaml: there is no such file."),
    ],
)
def test_a_word_that_is_not_understood_is_answered_with_what_is(mabe, words, told):
    outcome = mabe(*words)
    assert outcome.code == 2
    assert told in outcome.err


def test_plugins_tells_hooks_components_and_time(mabe):
    rows = {row["plugin"]: row for row in json.loads(mabe("plugins", "-p", FILES / "tiny.py", "--json").out)}
    assert rows["tiny"]["hooks"] == ["mabe_augmentations", "mabe_datasets"]
    assert rows["tiny"]["components"] == ["dataset tiny", "augmentation turn"]
    assert rows["tiny"]["file"] == str(FILES / "tiny.py")
    assert all(row["state"] == "loaded" and row["milliseconds"] > 0 for row in rows.values())
    assert "tiny.py" in mabe("plugins", "-p", FILES / "tiny.py").out


def test_schema_covers_a_local_plugin_and_says_how_an_editor_finds_it(mabe, tmp_path):
    file = tmp_path / "mine.json"
    outcome = mabe("schema", "-o", file, "-p", FILES / "tiny.py")
    assert "# yaml-language-server: $schema=mine.json" in outcome.out
    assert "dataset.tiny" in json.loads(file.read_text(encoding="utf-8"))["$defs"]
    installed = json.loads(mabe("schema").out)["$defs"]
    assert "dataset.tiny" not in installed
    assert installed["section.Experiment"]["properties"]["watchers"]["items"]["enum"] == [
        "mlflow",
        "tensorboard",
    ]


def completed(typed: str, folder: Path, program: str = "mabe") -> list[str]:
    """Return what bash is offered for the last word of what is typed."""
    words = typed.split(" ")
    variable = f"_{program.replace('-', '_').upper()}_COMPLETE"
    function = {"mabe": "main", "mabe-run": "main_run"}[program]
    environment = {"COMP_WORDS": typed, "COMP_CWORD": str(len(words) - 1), variable: "bash_complete"}
    done = subprocess.run(
        [sys.executable, "-c", f"from mabe_core.cli import {function}; {function}()"],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        cwd=folder,
        check=False,
    )
    assert not done.stderr
    return [line.partition(",")[2] for line in done.stdout.splitlines()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with two runs and two experiment files."""
    for name in ("runs/first-0123456789", "runs/second-0123456789"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("first.yaml", "other.yaml"):
        (tmp_path / name).write_text("")
    return tmp_path


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("mabe sch", ["schema"]),
        ("mabe show pos", ["positional_encoding", "pose_reader", "post_processing"]),
        ("mabe show positional_encoding r", ["rotary"]),
        ("mabe list opt", ["optimizer"]),
        ("mabe list --plugin trans", ["transformer"]),
        ("mabe diff fir", ["first-0123456789", "first.yaml"]),
        ("mabe diff first.yaml sec", ["second-0123456789"]),
        ("mabe completion z", ["zsh"]),
        ("mabe run --resume sec", ["second-0123456789"]),
    ],
)
def test_the_shell_completes_commands_names_ids_and_files(folder, typed, offered):
    assert completed(typed, folder) == offered


def test_mabe_run_completes_too_and_each_shell_gets_a_script_for_both(mabe, folder):
    assert completed("mabe-run --resume f", folder, "mabe-run") == ["first-0123456789"]
    for shell in ("bash", "zsh", "fish"):
        script = mabe("completion", shell).out
        assert "_MABE_COMPLETE" in script
        assert "_MABE_RUN_COMPLETE" in script
