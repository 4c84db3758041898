"""Finding plugins: what an author did wrong is told with file and line, and hurts nobody else."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from mabe_core import UserError
from mabe_core.discovery import load_plugins
from mabe_core.registry import KINDS, Registry
from tests.fake_site import GOOD, installed, plugin


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder from which plugins are found as installed ones; their modules are forgotten after."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def fault_of(registry: Registry) -> str:
    (broken,) = registry.broken
    return str(broken)


def test_a_local_file_offers_components_and_is_known_by_its_content(tmp_path):
    found = load_plugins([plugin(tmp_path, GOOD)]).find("model", "mine")
    assert found.origin.place == "file"
    assert found.origin.file == tmp_path / "plug.py"
    assert found.spec.describe() == "A model."
    assert len(found.origin.sha256) == 64


def test_an_installed_plugin_is_found_with_its_distribution(site):
    installed(site, "mabe-mine", "mabe_mine_a", GOOD)
    found = load_plugins().find("model", "mine")
    assert (found.origin.distribution, found.origin.version, found.origin.place) == (
        "mabe-mine",
        "1.2",
        "installed",
    )


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("def mabe_models", "def mabe_modelz"), r"plug.py:12: no hook is named 'mabe_modelz'. Did you mean 'mabe_models'\?"),
        (("@hookimpl\n", ""), r"plug.py:12: mabe_models looks like a hook: mark it with @hookimpl"),
        (("[ModelSpec(", "(ModelSpec("), r"plug.py"),
        (("return [ModelSpec(name=\"mine\", config=Config, build=build)]", "return 7"), r"plug.py:12: mabe_models must return a list of ModelSpec, not int"),
        (("return [ModelSpec(name=\"mine\", config=Config, build=build)]", "return ['x']"), r"plug.py:12: mabe_models must return ModelSpec, not str"),
        (("@attrs.frozen\n", ""), r"plug.py:4: the config of model 'mine': .* is no attrs class"),
        (("width: int", "width: 'Nowhere'"), r"plug.py:4: the config of model 'mine': an annotation cannot be resolved: name 'Nowhere' is not defined"),
        (("width: int", "name: str"), r"plug.py:4: the config of model 'mine': name: a field cannot be called so"),
        (("name=\"mine\"", "name=\"My Model\""), r"plug.py:14: ValueError: name must be lower case"),
        (("import attrs\n", "import attrs\nimport not_there_at_all\n"), r"plug.py:2: ModuleNotFoundError: No module named 'not_there_at_all'"),
        (("def build(config, data):", "def build(config, data:"), r"plug.py:9: SyntaxError"),
        (("return [", "return 1 / 0 or ["), r"plug.py:14: ZeroDivisionError"),
        (("def mabe_models()", "def mabe_models(wrong)"), r"wrong"),
        (("def build(config, data)", "def build(config, data, extra)"), r"plug.py:9: build of model 'mine' is called with \(config, DataShape\): missing a required argument: 'extra'"),
        (("def build(config, data)", "def build(config)"), r"plug.py:9: build of model 'mine' is called with \(config, DataShape\): too many positional arguments"),
        (("build=build)", "build=None)"), r"plug.py:12: build of model 'mine' must be a function, not None"),
        (("@hookimpl\ndef mabe_models():\n", "def other():\n"), r"implements no hook; hooks: mabe_models, "),
    ],
)  # fmt: skip
def test_what_an_author_did_wrong_is_told_with_the_plugins_own_line(tmp_path, change, told):
    assert change[0] in GOOD
    with pytest.raises(UserError, match=told) as raised:
        load_plugins([plugin(tmp_path, GOOD.replace(*change))])
    assert str(raised.value).startswith(str(tmp_path / "plug.py"))
    assert str(raised.value).count("plug.py") == 1


def test_a_broken_installed_plugin_leaves_the_others_alone_and_is_named(site, monkeypatch):
    installed(site, "mabe-bad", "mabe_bad_b", "raise RuntimeError('half made')\n")
    registry = load_plugins()
    assert registry.find("model", "transformer")
    told = fault_of(registry)
    assert "plugin mabe_bad_b (mabe-bad 1.2)" in told
    assert "mabe_bad_b.py:1: RuntimeError: half made" in told
    with pytest.raises(UserError, match=r"Did you mean 'transformer'\?$"):
        registry.find("model", "transformers")
    with pytest.raises(UserError, match=r"Not loaded: plugin mabe_bad_b .*half made\. `pip install -U"):
        registry.find("model", "half")
    monkeypatch.setenv("MABE_STRICT_PLUGINS", "1")
    with pytest.raises(UserError, match="half made"):
        load_plugins()


def test_a_name_that_two_plugins_offer_is_an_error_that_names_both(site):
    installed(site, "mabe-one", "mabe_one_c", GOOD)
    installed(site, "mabe-two", "mabe_two_c", GOOD)
    registry = load_plugins()
    assert len(registry.collisions()) == 1
    with pytest.raises(
        UserError, match=r"mabe_one_c \(mabe-one 1.2\) and plugin mabe_two_c \(mabe-two 1.2\)"
    ):
        registry.find("model", "mine")
    assert registry.find("model", "transformer")


def test_only_a_replacement_that_says_so_shadows_a_built_in(tmp_path):
    shadow = GOOD.replace('name="mine"', 'name="transformer"')
    with pytest.raises(UserError, match="transformer' is offered by"):
        load_plugins([plugin(tmp_path, shadow)]).find("model", "transformer")
    shadow = shadow.replace("build=build", "build=build, replaces=True")
    found = load_plugins([plugin(tmp_path, shadow)]).find("model", "transformer")
    assert found.origin.place == "file"


def test_a_component_of_another_kind_is_pointed_out():
    with pytest.raises(
        UserError, match=r"no model is named 'adamw'\. 'adamw' is the name of another kind: optimizer"
    ):
        load_plugins().find("model", "adamw")


def test_the_same_file_or_content_given_twice_is_loaded_once(tmp_path):
    file = plugin(tmp_path, GOOD)
    (tmp_path / "link.py").symlink_to(file)
    (tmp_path / "copies").mkdir()
    copied = plugin(tmp_path / "copies", GOOD)
    beside = tmp_path / "copies" / ".." / "plug.py"
    registry = load_plugins([file, file, beside, tmp_path / "link.py", copied])
    assert registry.find("model", "mine").origin.file == file


def test_two_files_of_one_name_in_different_folders_both_work(tmp_path):
    (tmp_path / "other").mkdir()
    theirs = plugin(tmp_path / "other", GOOD.replace('"mine"', '"theirs"'))
    registry = load_plugins([plugin(tmp_path, GOOD), theirs])
    assert registry.find("model", "mine").origin.file == tmp_path / "plug.py"
    assert registry.find("model", "theirs").origin.file == theirs


def test_a_module_behind_two_entry_points_is_told_in_one_short_line(site):
    installed(site, "mabe-twice", "mabe_twice_d", GOOD)
    points = site / "mabe_twice-1.2.dist-info" / "entry_points.txt"
    points.write_text("[mabe]\none = mabe_twice_d\ntwo = mabe_twice_d\n")
    registry = load_plugins()
    assert registry.find("model", "mine")
    told = fault_of(registry)
    assert "mabe_twice_d is loaded already, as mabe-twice:one" in told
    assert len(told) < 200


def test_a_hook_that_asks_for_arguments_is_told_with_its_line(tmp_path):
    with pytest.raises(
        UserError, match=r"plug.py:12: mabe_models is called with nothing, but asks for wrong$"
    ):
        load_plugins([plugin(tmp_path, GOOD.replace("mabe_models()", "mabe_models(wrong)"))])


def test_what_is_no_python_file_of_a_sane_size_is_refused_by_name(tmp_path):
    folder = tmp_path / "folder.py"
    folder.mkdir()
    endless = tmp_path / "endless.py"
    endless.symlink_to("/dev/zero")
    large = plugin(tmp_path, "#" * (4 * 2**20 + 1), "large.py")
    text = plugin(tmp_path, GOOD, "plug.txt")
    for file, told in [
        (folder, "no regular file"),
        (endless, "no regular file"),
        (large, "too many"),
        (text, r"ends in \.py"),
        (tmp_path / "gone.py", "cannot be read: No such file"),
    ]:
        with pytest.raises(UserError, match=f"{file.name}: .*{told}"):
            load_plugins([file])


def test_a_file_is_compiled_without_the_flags_of_the_module_that_loads_it(tmp_path):
    evaluated = GOOD + "\ndef plain(x: int): ...\nassert plain.__annotations__ == {'x': int}\n"
    assert load_plugins([plugin(tmp_path, evaluated)]).find("model", "mine")


def test_a_file_named_by_a_relative_path_is_blamed_by_that_path(mabe, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plugin(tmp_path, GOOD.replace("raise AssertionError", "raise RuntimeError('boom')"))
    (tmp_path / "x.yaml").write_text(
        "name: x\nplugins: [plug.py]\nmodel: mine\n"
        "data: {dataset: {name: synthetic, train_recordings: 1, validation_recordings: 1, seconds: 60.0}, "
        "features: [normalize, interpolate]}\n"
    )
    outcome = mabe("run", "x.yaml")
    assert outcome.code == 2
    assert "model mine raised RuntimeError: boom (plug.py:10)" in outcome.err


def test_what_a_plugin_prints_is_no_part_of_what_is_asked_for(mabe, site):
    loud = "print('loaded')\n" + GOOD.replace(
        "def mabe_models():\n", "def mabe_models():\n    print('asked')\n"
    )
    installed(site, "mabe-loud", "mabe_loud_e", loud)
    for words in (["list", "model"], ["plugins"], ["show", "model", "mine"]):
        outcome = mabe(*words, "--json")
        assert "mine" in str(json.loads(outcome.out))
        assert "asked" in outcome.err


def test_strict_is_what_says_so(site, monkeypatch):
    installed(site, "mabe-bad", "mabe_bad_f", "raise RuntimeError('half made')\n")
    for word in ("", "0", "false", "False", "no", "off"):
        monkeypatch.setenv("MABE_STRICT_PLUGINS", word)
        assert load_plugins().broken
    for word in ("1", "true", "yes"):
        monkeypatch.setenv("MABE_STRICT_PLUGINS", word)
        with pytest.raises(UserError, match="half made"):
            load_plugins()


def test_two_files_that_offer_one_name_are_told_what_to_do_about_files(tmp_path):
    one, two = plugin(tmp_path, GOOD, "one.py"), plugin(tmp_path, GOOD + "# another\n", "two.py")
    with pytest.raises(UserError) as told:
        load_plugins([one, two]).find("model", "mine")
    assert str(told.value) == (
        f"model 'mine' is offered by file {one} and file {two}. Name one of the files only, or rename one."
    )


def test_a_watcher_is_found_beside_a_plugin_of_its_name_that_watches_nothing(site):
    installed(site, "mabe-other", "tensorboard", GOOD)
    found = load_plugins().watcher("tensorboard")
    assert found.origin.module == "mabe_plugins.tensorboard"


def test_every_kind_has_a_hook_and_the_list_names_what_is_promised(mabe):
    assert set(KINDS) >= {"model", "positional_encoding", "dataset", "pose_reader", "label_reader", "split"}
    assert set(KINDS) >= {"feature", "augmentation", "loss", "optimizer", "scheduler", "metric"}
    rows = json.loads(mabe("list", "--json").out)
    found = {(row["kind"], row["name"]) for row in rows}
    assert found >= {
        ("model", "transformer"),
        ("positional_encoding", "sinusoidal"),
        ("positional_encoding", "learned"),
        ("positional_encoding", "rotary"),
        ("dataset", "synthetic"),
        ("dataset", "pose_files"),
        ("pose_reader", "deeplabcut"),
        ("label_reader", "boris"),
        ("label_reader", "caltech"),
        ("optimizer", "adamw"),
        ("scheduler", "cosine"),
    }
    assert all(row["summary"] and row["plugin"] and row["version"] >= 1 for row in rows)
