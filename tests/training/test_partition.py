"""A resumed run goes on with the parts that it was begun with, or says that it cannot."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.fake_site import plugin
from tests.plugins.watched_runs import let_it_seem_interrupted
from tests.training.test_running import only_run

FICKLE = """
import os
import attrs
from mabe_core import Partition, Segment, SplitSpec, hookimpl

@attrs.frozen
class Config:
    "Validates on the recording that the environment names."

def build(config):
    def split(recordings, context):
        held_out = int(os.environ["HELD_OUT"])
        return Partition(tuple(
            Segment(number, 0, recording.frames, "validation" if number == held_out else "train")
            for number, recording in enumerate(recordings)
        ))
    return split

@hookimpl
def mabe_splits():
    return [SplitSpec(name="fickle", config=Config, build=build)]
"""


@pytest.fixture
def words(tiny: Path, tmp_path: Path) -> list[object]:
    """Return the words of `mabe` that run an experiment whose split depends on the environment."""
    return ["run", tiny, "-p", plugin(tmp_path, FICKLE, "fickle.py"), "--set", "data.split=fickle"]


def test_a_split_that_gives_other_parts_when_a_run_is_resumed_is_an_error(mabe, words, tmp_path, monkeypatch):
    monkeypatch.setenv("HELD_OUT", "0")
    assert mabe(*words).code == 0
    run = only_run(tmp_path)
    let_it_seem_interrupted(run)
    monkeypatch.setenv("HELD_OUT", "1")
    other = mabe(*words)
    assert other.code == 2
    assert f"data.split: {run.name} was run on other parts: fickle does not give the same again" in other.err
    assert "`--fresh` trains again and moves the old run aside" in other.err
    monkeypatch.setenv("HELD_OUT", "0")
    assert mabe(*words).code == 0
    let_it_seem_interrupted(run)
    monkeypatch.setenv("HELD_OUT", "1")
    assert mabe(*words, "--fresh").code == 0


def test_a_record_from_before_parts_were_kept_is_not_compared(mabe, words, tmp_path, monkeypatch):
    monkeypatch.setenv("HELD_OUT", "0")
    mabe(*words)
    run = only_run(tmp_path)
    let_it_seem_interrupted(run)
    record = json.loads((run / "record.json").read_text())
    assert len(record.pop("partition")) == 64
    (run / "record.json").write_text(json.dumps(record))
    monkeypatch.setenv("HELD_OUT", "1")
    assert mabe(*words).code == 0
    assert len(json.loads((run / "record.json").read_text())["partition"]) == 64
