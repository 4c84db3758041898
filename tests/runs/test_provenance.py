"""What a record says of the plugins that made a run, and what is told when they are other ones."""

from __future__ import annotations

import hashlib
import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mabe_core.runs.opening import OpenedRun
from tests.fake_site import installed

Opener = Callable[..., OpenedRun]

LOSS = """\
import attrs
from mabe_core import LossSpec, hookimpl

@attrs.frozen
class Config:
    "A loss."

def build(config, context):
    from mabe_far.parts import helper
    return helper

@hookimpl
def mabe_losses():
    return [LossSpec(name="far", config=Config, build=build, version=3)]
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: Path) -> Iterator[Path]:
    """Return the folder of an installed package whose loss the small experiment names."""
    site = tmp_path / "site"
    folder = site / "mabe_far"
    folder.mkdir(parents=True)
    installed(site, "mabe-far", "mabe_far_entry", LOSS)
    (site / "mabe_far-1.2.dist-info" / "entry_points.txt").write_text("[mabe]\nfar = mabe_far.entry\n")
    (site / "mabe_far_entry.py").rename(folder / "entry.py")
    (folder / "__init__.py").write_text("")
    (folder / "parts.py").write_text("helper = 1\n")
    tiny.write_text(tiny.read_text() + "loss: far\n")
    monkeypatch.syspath_prepend(str(site))
    importlib.invalidate_caches()
    yield folder
    for name in [name for name in sys.modules if name.startswith("mabe_far")]:
        del sys.modules[name]


def test_a_record_names_plugin_distribution_version_and_source_of_each_component(
    package: Path, opener: Opener
) -> None:
    components = {item["kind"]: item for item in opener().record.components}
    loss = components["loss"]
    assert (loss["plugin"], loss["distribution"], loss["distribution_version"]) == ("far", "mabe-far", "1.2")
    assert loss["version"] == 3
    assert loss["sources"] == {
        name: hashlib.sha256((package / name).read_bytes()).hexdigest()
        for name in ("__init__.py", "entry.py", "parts.py")
    }
    assert components["dataset"]["place"] == "file"
    assert components["dataset"]["sources"].keys() == {"tiny.py"}
    assert "torch_model.py" in components["model"]["sources"]


def test_other_source_under_the_same_version_is_told_with_the_files_that_differ(
    package: Path, opener: Opener
) -> None:
    opened = opener()
    with opened.run.held():
        opened.keep()
    (package / "parts.py").write_text("helper = 2\n")
    (package / "more.py").write_text("")
    again = opener()
    assert again.run.id == opened.run.id
    (note,) = again.notes
    assert "loss far of mabe-far has other source in more.py, parts.py, but says version 3 as before" in note
