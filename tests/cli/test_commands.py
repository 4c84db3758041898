"""The commands as a user types them: what they print, and what they exit with."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.slowness import processor_seconds, slowness

LIGHT = """\
import sys
from mabe_core.cli import main
sys.argv = ["mabe", *{words!r}]
try:
    main()
except SystemExit as ended:
    assert not ended.code, ended.code
heavy = {{"torch", "modal", "numpy", "pandas", "h5py"}} & set(sys.modules)
assert not heavy, heavy
"""


@pytest.mark.parametrize("words", [["list", "--json"], ["--help"], ["run", "--help"]])
def test_looking_around_is_quick_and_imports_nothing_heavy(words):
    def seconds() -> float:
        before = processor_seconds()
        subprocess.run(
            [sys.executable, "-c", LIGHT.format(words=words)], check=True, stdout=subprocess.DEVNULL
        )
        return processor_seconds() - before

    assert min(seconds() for _ in range(5)) < 0.35 * slowness()


def test_a_dry_run_prints_an_experiment_that_runs_and_imports_no_torch(tiny, tmp_path):
    text = LIGHT.format(words=["run", str(tiny), "--dry-run"])
    printed = subprocess.run([sys.executable, "-c", text], check=True, capture_output=True, text=True).stdout
    assert printed.startswith("# tiny-")
    again = tmp_path / "again.yaml"
    again.write_text(printed, encoding="utf-8")
    text = LIGHT.format(words=["run", str(again), "--dry-run"])
    assert (
        subprocess.run([sys.executable, "-c", text], check=True, capture_output=True, text=True).stdout
        == printed
    )


def test_show_tells_every_field_with_type_default_and_help(mabe):
    shown = mabe("show", "model", "transformer")
    assert shown.code == 0
    assert "hidden_dim" in shown.out
    assert "a whole number" in shown.out
    assert "256" in shown.out
    assert "plugin transformer (mabe-core" in shown.out
    assert "transformer/__init__.py" in shown.out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["lsit"], "Did you mean 'list'?"),
        (["plugin", "chekc"], "Did you mean 'check'?"),
        (["plugin", "check", "nowhere.py"], "nowhere.py: plugin file cannot be read"),
        (["list", "modle"], "Did you mean 'model'?"),
        (["show", "model", "transfromer"], "Did you mean 'transformer'?"),
        (["run"], "name an EXPERIMENT file, or --resume an ID"),
        (["run", "--resume", "../../etc"], "not an experiment id: '../../etc'"),
        (["run", "--resume", "v3*"], "not an experiment id: 'v3*'"),
        (["run", "--resume", "nothing-0000000000"], "no run or study in"),
        (["run", "nowhere.yaml"], "nowhere.yaml"),
        (["run", "--sett", "a=b"], "--set"),
    ],
)
def test_a_mistake_is_told_in_one_screen_without_a_traceback(mabe, words, told):
    outcome = mabe(*words)
    assert outcome.code == 2
    assert told in outcome.err
    assert "Traceback" not in outcome.err + outcome.out


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("data.input_dim=28", "data.input_dim: is 28, but the data has 8"),
        ("data.num_classes=3", "data.num_classes: is 3, but the data has 2 (apart, meet)"),
        ("data.sequence_length=999", "data.sequence_length: a window spans 999 frames, but the longest"),
        ("data.dataset.classes=[apart, meet, fight]", "no training frame is labelled fight"),
        ("data.dataset.gives_roles=false", "time_blocks"),
        ("data.dataset.missing=0.1", "Add the feature `interpolate`"),
        ("device=cuda:7", "device: cuda:7 is asked for, but torch finds"),
        (
            "training.monitor=macro_f2",
            "training.monitor: no metric gives a score named 'macro_f2'. Did you mean 'macro_f1'?",
        ),
        ("scheduler.min_lr=1", "above the learning rate"),
    ],
)
def test_what_does_not_fit_the_data_is_told_with_its_line_and_leaves_no_run_behind(
    mabe, tiny, tmp_path, setting, told
):
    outcome = mabe("run", tiny, "--set", setting)
    assert outcome.code == 2, outcome.err
    assert told in outcome.err
    assert "Traceback" not in outcome.err
    assert not list((tmp_path / "runs").glob("*"))


def test_runs_says_what_to_do_where_there_are_none(mabe):
    assert "mabe-run EXPERIMENT" in mabe("runs").out
