"""`mabe plugin check` as a plugin's author meets it: the table, the lines at fault, changed results."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

GOOD = """\
import attrs
from mabe_core import FeatureSpec, hookimpl

@attrs.frozen
class Config:
    "Points, scaled."
    factor: float = attrs.field(default=2.0, metadata={"help": "by what"})

def build(config, layout):
    class Scale:
        context = 0
        def __call__(self, pose):
            return attrs.evolve(pose, points=pose.points * config.factor)
    return Scale()

@hookimpl
def mabe_features():
    return [FeatureSpec(name="scale", config=Config, build=build)]
"""


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    file = tmp_path / "scale.py"
    file.write_text(GOOD, encoding="utf-8")
    return file


def change(file: Path, before: str, after: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert before in text
    file.write_text(text.replace(before, after), encoding="utf-8")


def status(mabe, file: Path, *words: str) -> tuple[str, str]:
    """Return status and message of the check of results."""
    outcome = mabe("plugin", "check", file, "--json", *words)
    assert outcome.code == 0, outcome.err
    last = json.loads(outcome.out)[-1]
    assert last["check"] == "results are those of the last check"
    return last["status"], last["message"]


def test_a_table_tells_every_check_and_a_sum(mabe, plugin):
    outcome = mabe("plugin", "check", plugin)
    assert outcome.code == 0
    for told in ("plugin scale", "feature scale", "context is honoured", "passed"):
        assert told in outcome.out
    assert re.search(r"\n\d+ passed\n", outcome.out)


def test_what_fails_is_told_with_the_plugins_own_line_and_exit_status_2(mabe, plugin):
    change(plugin, "* config.factor", "[1:]")
    outcome = mabe("plugin", "check", plugin)
    assert outcome.code == 2
    assert (
        f"error: {plugin}:9: feature scale: shapes and dtypes: points (80, 2, 3, 2) become (79, 2, 3, 2)"
        in outcome.err
    )
    assert "Traceback" not in outcome.err
    found = json.loads(mabe("plugin", "check", plugin, "--json").out)
    failed = next(finding for finding in found if finding["check"] == "shapes and dtypes")
    assert (failed["status"], failed["location"]) == ("failed", {"file": str(plugin), "line": 9})


def test_a_plugin_that_cannot_be_loaded_is_told_with_its_line(mabe, plugin):
    change(plugin, "def mabe_features", "def mabe_featured")
    outcome = mabe("plugin", "check", plugin)
    assert outcome.code == 2
    assert f"{plugin}:16: plugin scale: loads: no hook is named 'mabe_featured'" in outcome.err


def test_changed_results_under_the_same_version_are_warned_of_until_version_or_accept(mabe, plugin):
    assert status(mabe, plugin) == ("passed", "stored")
    assert status(mabe, plugin) == ("passed", "")
    change(plugin, "* config.factor", "* config.factor + 1")
    for _ in range(2):
        found, message = status(mabe, plugin)
        assert found == "warned"
        assert "`version` is still 1: raise it in the spec" in message
    change(plugin, 'name="scale"', 'name="scale", version=2')
    assert status(mabe, plugin) == ("passed", "stored anew")
    change(plugin, "+ 1", "+ 2")
    assert status(mabe, plugin)[0] == "warned"
    assert status(mabe, plugin, "--accept") == ("passed", "stored anew")
    assert status(mabe, plugin) == ("passed", "")


def test_another_default_is_another_experiment_and_no_change_of_results(mabe, plugin):
    status(mabe, plugin)
    change(plugin, "default=2.0", "default=3.0")
    assert status(mabe, plugin) == ("passed", "stored anew")


def test_values_that_fail_are_not_stored(mabe, plugin):
    change(plugin, "* config.factor", "[1:]")
    mabe("plugin", "check", plugin)
    assert not plugin.with_name("scale.check.json").exists()


def test_a_damaged_record_of_values_is_named(mabe, plugin):
    plugin.with_name("scale.check.json").write_text("[1]")
    outcome = mabe("plugin", "check", plugin)
    assert outcome.code == 2
    assert "scale.check.json: is no record of an earlier check; remove it" in outcome.err


def test_settings_come_from_an_experiment(mabe, plugin, tmp_path):
    change(plugin, "default=2.0, ", "")
    assert "settings are needed: factor" in mabe("plugin", "check", plugin).out
    experiment = tmp_path / "scaled.yaml"
    experiment.write_text(
        "name: scaled\nplugins: [scale.py]\ndata: {dataset: synthetic, features: [{name: scale, factor: 4.0}]}\nmodel: transformer\n"
    )
    outcome = mabe("plugin", "check", plugin, "--experiment", experiment)
    assert outcome.code == 0, outcome.err
    assert "context is honoured" in outcome.out
    experiment.write_text(experiment.read_text().replace("factor", "faktor"))
    assert "Did you mean 'factor'?" in mabe("plugin", "check", plugin, "--experiment", experiment).err


def test_a_plugin_may_print_whatever_and_whenever_it_likes(mabe, plugin):
    change(
        plugin,
        "import attrs\n",
        "import atexit, attrs, sys\natexit.register(print)\nsys.stdout.write('hello')\n",
    )
    change(plugin, "    return [FeatureSpec", "    print('asked')\n    return [FeatureSpec")
    checked = mabe("plugin", "check", plugin, "--json")
    assert checked.code == 0, checked.err
    assert {finding["status"] for finding in json.loads(checked.out)} == {"passed"}


@pytest.mark.parametrize("word", ["tensorboard", "mabe_plugins.tensorboard"])
def test_an_installed_plugin_is_checked_by_the_name_that_mabe_has_for_it(mabe, word):
    found = json.loads(mabe("plugin", "check", word, "--json").out)
    assert found[0]["about"] == "plugin tensorboard"
    assert "mabe_epoch_finished" in found[0]["message"]


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("scale", "Did you mean the file 'scale.py'?"),
        ("mabe_scale", "That is a folder with a package: `pip install -e mabe_scale`, then name its plugin."),
        ("tensorbord", "Did you mean 'tensorboard'?"),
        (".", "there is no plugin file, no plugin and no module '.'."),
        ("raising.inner", "raising, imported to find raising.inner, raised RuntimeError: half made"),
    ],
)
def test_what_is_no_plugin_is_answered_with_what_is_meant(mabe, plugin, monkeypatch, word, told):
    folder = plugin.parent
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder / "site"))
    for name, text in {
        "mabe_scale/pyproject.toml": "",
        "site/raising/__init__.py": "raise RuntimeError('half made')",
    }.items():
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text(text)
    outcome = mabe("plugin", "check", word)
    assert outcome.code == 2
    assert told in outcome.err


def test_values_of_a_package_lie_beside_its_pyproject(mabe, plugin, monkeypatch):
    package = plugin.parent / "package"
    source = package / "src" / "scaling"
    source.mkdir(parents=True)
    (package / "pyproject.toml").write_text("")
    plugin.rename(source / "__init__.py")
    monkeypatch.syspath_prepend(str(source.parent))
    assert mabe("plugin", "check", "scaling").code == 0
    assert [file.name for file in package.iterdir() if file.is_file()] == [
        "pyproject.toml",
        "scaling.check.json",
    ]
    assert [file.name for file in source.iterdir() if file.suffix == ".json"] == []
