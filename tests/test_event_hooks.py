"""Hooks that watch runs: what their author did wrong, and which plugin an experiment may name."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from mabe_core import UserError
from mabe_core.cloud.packing import pack
from mabe_core.discovery import load_plugins
from mabe_core.experiment import read_document, read_text, resolve
from mabe_core.registry import EVENTS, KINDS
from tests.fake_site import installed, plugin

WATCHER = """\
from mabe_core import hookimpl

@hookimpl
def mabe_epoch_finished(run, metrics):
    pass
"""
EXPERIMENT = "name: e\ndata: {dataset: synthetic}\nmodel: transformer\nwatchers:\n"


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Return a folder from which plugins are found as installed ones; their modules are forgotten after."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_events_are_no_kinds():
    assert len(EVENTS) == 5
    assert not {kind.hook for kind in KINDS.values()} & set(EVENTS)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("mabe_epoch_finished", "mabe_epoch_finish"), r"plug.py:3: no hook is named 'mabe_epoch_finish'. Did you mean 'mabe_epoch_finished'\?"),
        (("@hookimpl\n", ""), r"plug.py:3: mabe_epoch_finished looks like a hook: mark it"),
        (("run, metrics", "run, metric"), r"plug.py:3: mabe_epoch_finished is given run, metrics, by name, but asks for metric. Did you mean 'metrics'\?"),
        (("run, metrics", "run, metric=None"), r"but asks for metric=None. Did you mean 'metrics'\?"),
        (("run, metrics", "run, **rest"), r"but asks for \*\*rest\.$"),
        (("run, metrics", "run, /"), r"but asks for run\.$"),
        (("pass", "yield"), r"plug.py:3: mabe_epoch_finished is called as a plain function"),
        (("def", "async def"), r"plug.py:3: mabe_epoch_finished is called as a plain function"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_event_hook_is_told_with_its_line(tmp_path, change, told):
    assert change[0] in WATCHER
    with pytest.raises(UserError, match=told):
        load_plugins([plugin(tmp_path, WATCHER.replace(*change))])


@pytest.mark.parametrize("arguments", ["", "run", "metrics", "metrics, run", "run, *, metrics=None"])
def test_a_hook_may_ask_for_less_than_it_could_be_given(tmp_path, arguments):
    file = plugin(tmp_path, WATCHER.replace("run, metrics", arguments))
    (loaded,) = [each for each in load_plugins([file]).plugins if each.origin.place == "file"]
    assert loaded.hooks == tuple(loaded.events) == ("mabe_epoch_finished",)


def test_a_plugin_is_shown_with_its_event_hooks(mabe, tmp_path):
    rows = json.loads(mabe("plugins", "-p", plugin(tmp_path, WATCHER), "--json").out)
    hooks = {row["plugin"]: row["hooks"] for row in rows}
    assert hooks["plug"] == ["mabe_epoch_finished"]
    assert "mabe_experiment_started" in hooks["tensorboard"]


def test_names_of_watchers_that_cannot_be_meant_are_all_told_with_their_lines():
    text = EXPERIMENT + "- tensorbord\n- losses\n- 7\nmodle: x\n"
    with pytest.raises(UserError) as raised:
        resolve(read_text(text, "e.yaml"), load_plugins())
    told = str(raised.value).splitlines()
    assert len(told) == 4
    assert told[0].startswith(
        "e.yaml:5: watchers[0]: no plugin is named 'tensorbord'. Did you mean 'tensorboard'?"
    )
    assert told[1].startswith("e.yaml:6: watchers[1]: plugin losses (mabe-core ")
    assert "watches no runs" in told[1]
    assert "Valid: mlflow, tensorboard." in told[1]
    assert told[2].startswith("e.yaml:7: watchers[2]")


def test_a_broken_watcher_is_told_with_what_it_failed_of_and_an_ambiguous_one_with_both(site, monkeypatch):
    monkeypatch.delitem(sys.modules, "tensorboard", raising=False)  # of another test, the library
    installed(site, "mabe-bad", "watches_badly", "import not_there_at_all\n")
    installed(site, "mabe-other", "tensorboard", WATCHER)
    registry = load_plugins()
    with pytest.raises(
        UserError, match=r"not loaded: plugin watches_badly .*not_there_at_all'. `pip install -U mabe-bad`"
    ):
        registry.watcher("watches_badly")
    with pytest.raises(
        UserError,
        match=r"'tensorboard' is the name of plugin tensorboard \(mabe-core .*\) and plugin tensorboard \(mabe-other 1.2\)",
    ):
        registry.watcher("tensorboard")


def test_a_library_that_is_missing_is_told_before_anything_is_trained(mabe, site, tiny, tmp_path):
    installed(site, "mabe-lacking", "lacks", WATCHER)
    info = site / "mabe_lacking-1.2.dist-info"
    (info / "entry_points.txt").write_text("[mabe]\nlacks = lacks [more]\n")
    with (info / "METADATA").open("a") as file:
        file.write("Provides-Extra: more\nRequires-Dist: mabe-not-there>=2; extra == 'more'\n")
        file.write("Requires-Dist: numpy<1; extra == 'more'\nRequires-Dist: torch<1; extra == 'other'\n")
    tiny.write_text(tiny.read_text() + "watchers: [lacks]\n")
    line = len(tiny.read_text().splitlines())
    outcome = mabe("run", tiny)
    assert outcome.code == 2
    assert (
        f"{tiny}:{line}: watchers.0: lacks needs mabe-not-there, which is not installed, numpy <1, not "
        in outcome.err
    )
    assert "`pip install 'mabe-lacking[more]'`" in outcome.err
    assert "torch" not in outcome.err
    assert not (tmp_path / "runs").exists()
    document = read_document(tiny)
    registry = load_plugins(document.plugin_files)
    with pytest.raises(UserError, match="lacks needs mabe-not-there"):
        pack(resolve(document, registry), registry, tmp_path)


def test_no_watchers_library_is_imported_before_it_is_needed():
    program = (
        "import sys; from mabe_core.discovery import load_plugins; load_plugins(); "
        "print({'mlflow', 'tensorboardX', 'sqlalchemy', 'torch', 'google.protobuf'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
