"""A document is usable before plugins are loaded, and knows where everything was written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mabe_core import UserError
from mabe_core.errors import Location
from mabe_core.experiment import Document, read_document, read_text

TEXT = """\
name: x
data:
  dataset: {name: synthetic, windows: 3}
  features:
    - motion
    - name: normalize
seed: 3
"""


def test_every_value_and_key_knows_its_line() -> None:
    document = read_text(TEXT, "e.yaml")
    assert document.location(("data", "dataset", "windows")) == Location("e.yaml", 3)
    assert document.location(("data", "features", 0)) == Location("e.yaml", 5)
    assert document.location(("data", "features", 1, "name")) == Location("e.yaml", 6)
    assert document.key_location(("seed",)) == Location("e.yaml", 7)


def test_a_map_or_list_stands_where_its_key_does() -> None:
    document = read_text(TEXT, "e.yaml")
    assert document.location(("data",)) == Location("e.yaml", 2)
    assert document.location(("data", "features")) == Location("e.yaml", 4)


def test_what_is_not_written_stands_where_it_would_be_held() -> None:
    document = read_text(TEXT, "e.yaml")
    assert document.written(("data", "input_dim")) is None
    assert document.location(("data", "input_dim")) == Location("e.yaml", 2)
    assert document.location(("training", "epochs")) == Location("e.yaml", 1)


def test_a_later_check_can_point_to_a_line() -> None:
    problem = read_text(TEXT, "e.yaml").problem(("data", "features", 1, "name"), "does not fit.")
    assert str(problem) == "e.yaml:6: data.features[1].name: does not fit."


def test_plugin_files_are_found_beside_the_experiment(tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    plugin = tmp_path / "plugins" / "lstm.py"
    plugin.write_text("")
    file = tmp_path / "e.yaml"
    file.write_text("plugins: [plugins/lstm.py]\n")
    assert read_document(file).plugin_files == (plugin,)
    assert read_text("plugins: [lstm.py]", folder=plugin.parent).plugin_files == (plugin,)
    assert read_text("name: x").plugin_files == ()


def test_plugin_files_of_an_extended_file_are_relative_to_the_file_that_wrote_them(tmp_path: Path) -> None:
    for folder in ("base", "mine"):
        (tmp_path / folder).mkdir()
    (tmp_path / "base" / "lstm.py").write_text("")
    (tmp_path / "base" / "base.yaml").write_text("name: base\nplugins: [lstm.py]\n")
    (tmp_path / "mine" / "e.yaml").write_text("extends: ../base/base.yaml\nname: mine\n")
    document = read_document(tmp_path / "mine" / "e.yaml")
    assert document.tree["plugins"] == ["../base/lstm.py"]
    (plugin,) = document.plugin_files
    assert plugin.samefile(tmp_path / "base" / "lstm.py")


@pytest.mark.parametrize(
    ("plugins", "said"),
    [
        ("lstm.py", "e.yaml:2: plugins: expects a list of plugin files."),
        ("null", "e.yaml:2: plugins: expects a list of plugin files."),
        ("[3]", "e.yaml:2: plugins[0]: expects the name of a plugin file."),
        ("[ltsm.py]", "e.yaml:2: plugins[0]: there is no plugin file 'ltsm.py'. Did you mean 'lstm.py'?"),
        ("['.']", "e.yaml:2: plugins[0]: there is no plugin file '.'"),
        (f"[{'x' * 300}]", "e.yaml:2: plugins[0]: there is no plugin file"),
    ],
)
def test_plugin_files_that_are_wrong_are_told(
    document: Callable[..., Document], plugins: str, said: str
) -> None:
    read = document(f"name: x\nplugins: {plugins}\n")
    Path("lstm.py").write_text("")
    with pytest.raises(UserError) as caught:
        _ = read.plugin_files
    assert str(caught.value).startswith(said)


def test_a_text_cannot_extend_a_file() -> None:
    with pytest.raises(UserError, match="sent:2: extends: only a file can extend another"):
        read_text("name: x\nextends: base.yaml\n", "sent")
