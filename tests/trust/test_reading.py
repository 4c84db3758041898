"""No code of ours reads files by means that could run what is in them."""

from __future__ import annotations

import ast
import pickle
from pathlib import Path

import pytest
import yaml

from mabe_core import UserError
from mabe_core.cloud.manifest import parse_manifest
from mabe_core.experiment import read_text
from mabe_core.experiment.kept import read_kept
from mabe_core.importing.weights import read_weights
from mabe_core.runs.listing import settings_of
from tests.conftest import ROOT

CODE = [ROOT / "modal_runner.py", *(ROOT / "mabe_core").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")]
# by their last word, whatever the module is called
FORBIDDEN = {
    "read_hdf",
    "read_pickle",
    "unsafe_load",
    "full_load",
    "load_all",
    "eval",
    "__import__",
    "loads_pickle",
}
# what runs plugin files, after the gate
MAY_EXECUTE = {"local_files.py"}


def calls(file: Path) -> list[tuple[str, ast.Call]]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return [(ast.unparse(node.func), node) for node in ast.walk(tree) if isinstance(node, ast.Call)]


def test_nothing_that_may_run_a_file_is_called() -> None:
    wrong = []
    for file in CODE:
        for name, call in calls(file):
            module, _, last = name.rpartition(".")
            keywords = {each.arg: ast.unparse(each.value) for each in call.keywords}
            if (
                (last in FORBIDDEN and not (last == "eval" and module))
                or (name == "exec" and file.name not in MAY_EXECUTE)
                or name
                in ("pickle.load", "pickle.loads", "os.system", "os.popen", "marshal.loads", "shelve.open")
                or (name == "torch.load" and keywords.get("weights_only") != "True")
                or (
                    last == "load"
                    and module in ("np", "numpy")
                    and keywords.get("allow_pickle", "False") != "False"
                )
                or (name == "yaml.load" and len(call.args) < 2)
                or keywords.get("shell") == "True"
            ):
                wrong.append(f"{file.relative_to(ROOT)}:{call.lineno}: {ast.unparse(call)[:80]}")
    assert wrong == []


def test_the_search_finds_what_it_looks_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = ROOT / "mabe_core" / "importing" / "weights.py"
    changed = tmp_path / "weights.py"
    changed.write_text(file.read_text().replace("weights_only=True", "weights_only=False"))
    monkeypatch.setattr(f"{__name__}.CODE", [changed])
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    with pytest.raises(AssertionError, match="weights_only=False"):
        test_nothing_that_may_run_a_file_is_called()


BOMBS = {
    "lists": "- " * 100_000,
    "brackets": "a: " + "[" * 120_000,
    "questions": "? " * 100_000,
    "maps": "{a: " * 50_000,
    "merges": "a: &a {k: 1}\n"
    + "".join(
        f"{new}: &{new} {{<<: [*{old}, *{old}, *{old}]}}\n"
        for old, new in zip("abcdefghijklmnopqrst", "bcdefghijklmnopqrstu", strict=True)
    ),
    "aliases": "a: &a [x, x]\n"
    + "".join(
        f"{new}: &{new} [*{old}, *{old}, *{old}]\n"
        for old, new in zip("abcdefghijklmnopqrst", "bcdefghijklmnopqrstu", strict=True)
    ),
    "numbers": "a: " + "9" * 200_000,
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs_neither_end_the_process_nor_take_long(bomb: str) -> None:
    """A run that came from elsewhere is listed by a quick reader, which is libyaml's where it is there."""
    text = BOMBS[bomb]
    settings_of(text.encode())
    with pytest.raises(UserError):
        read_text(text)


def test_many_brackets_in_a_description_are_text() -> None:
    text = yaml.safe_dump({"name": "x", "description": "[" * 500 + " {- - - - "})
    assert read_kept(text.encode()) == yaml.safe_load(text)


def test_weights_that_are_more_than_data_are_refused(tmp_path: Path) -> None:
    class Planted:
        def __reduce__(self) -> object:
            return Path.touch, (tmp_path / "sign",)

    file = tmp_path / "weights.pth"
    file.write_bytes(pickle.dumps({"state_dict": Planted()}))
    with pytest.raises(UserError, match=r"weights\.pth"):
        read_weights(file)
    assert not (tmp_path / "sign").exists()


def test_a_manifest_of_anything_is_damaged_or_lists_files_of_a_run() -> None:
    for told in (
        None,
        3,
        [],
        {"files": 3},
        {"files": {"record.json": 3}},
        {"files": {"record.json": {"size": "1"}}},
    ):
        assert parse_manifest(told) is None
