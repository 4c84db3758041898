"""The docs say what the program says, and what they show works."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from docs.generate import FILES, PAGES, renew
from mabe_core.discovery import load_plugins
from mabe_core.experiment import read_document, read_text, resolve

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_generated_parts_are_up_to_date(page):
    text = page.read_text(encoding="utf-8")
    assert text == renew(text), f"{page.name} is out of date: run `make docs`"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_generated_files_are_up_to_date(file):
    assert file.read_text(encoding="utf-8") == FILES[file](), f"{file.name} is out of date: run `make docs`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("file", sorted((ROOT / "experiments").glob("*.yaml")), ids=lambda file: file.name)
def test_every_shipped_experiment_resolves(file):
    assert resolve(read_document(file, ()), load_plugins()).name == file.stem


def indented(text: str, opening: str) -> str:
    """Return the indented block of a page that begins with this line."""
    block = text[text.index(f"    {opening}") :]
    lines = []
    for line in block.splitlines():
        if line and not line.startswith("    "):
            break
        lines.append(line.removeprefix("    "))
    return "\n".join(lines)


def test_the_readmes_plugin_trains_in_the_readmes_experiment(mabe, tmp_path):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (tmp_path / "gru.py").write_text(indented(readme, "import attrs\n"), encoding="utf-8")
    experiment = indented(readme, "name: my_first\n").partition("\n\n")[0]
    file = tmp_path / "my_first.yaml"
    file.write_text(experiment, encoding="utf-8")
    few = [
        "model=gru",
        "training.epochs=1",
        "training.windows_per_epoch=32",
        "data.dataset.train_recordings=1",
        "data.dataset.validation_recordings=1",
        "data.dataset.seconds=60",
    ]
    words = [word for setting in few for word in ("--set", setting)]
    outcome = mabe("run", file, "-p", tmp_path / "gru.py", *words)
    assert outcome.code == 0, outcome.err
    assert "macro_f1" in outcome.out


def test_the_watcher_of_the_docs_watches_a_run(mabe, tiny, tmp_path):
    page = (ROOT / "docs" / "watching-runs.md").read_text(encoding="utf-8")
    (tmp_path / "scores.py").write_text(indented(page, "from mabe_core import hookimpl\n"), encoding="utf-8")
    assert "warning" not in mabe("run", tiny, "-p", tmp_path / "scores.py").out
    (run,) = (tmp_path / "runs").iterdir()
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    expected = "".join(f"{line['step']},{line['val_macro_f1']}\n" for line in lines)
    assert (run / "macro_f1.csv").read_text() == expected


def test_the_readmes_experiment_is_valid_as_it_stands():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    text = indented(readme, "name: my_first\n").partition("\n\n")[0]
    assert resolve(read_text(text), load_plugins()).name == "my_first"
