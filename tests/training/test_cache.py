"""What is kept between runs: the same bits as without, and never what files, settings or code no longer say."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from mabe_core import DataAccess, Dataset
from mabe_core.discovery import load_plugins
from mabe_core.experiment import Experiment, resolve
from mabe_core.experiment.document import read_text
from mabe_core.training import cache, cached, features
from mabe_core.training.cache import Cache, find_cache
from mabe_core.training.features import FeaturePipeline
from mabe_core.training.inputs import TrainingData, prepare
from mabe_core.training.reading import read_data
from mabe_plugins.pose_files import recordings as pose_recordings
from tests.plugins.pose_writing import pose_frame, write_caltech, write_csv

RATS = """\
name: e
data:
  dataset:
    name: pose_files
    folder: mice
    labels: caltech
    pose_pattern: "{session}.csv"
    labels_pattern: "{session}.txt"
    fps: 30
    classes: [attack, other]
  features: [normalize, interpolate, {name: motion, front: nose, back: tail}]
  split: {name: recordings, validation: 0.5}
  sequence_length: 8
model: transformer
"""


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a data folder with three sessions; a cache for them, however small they are."""
    for session in range(3):
        write_csv(pose_frame(seed=session), tmp_path / f"mice/{session}.csv")
        bouts = [(1, 10, "other"), (11, 20 + session, "attack"), (21 + session, 40, "other")]
        write_caltech(tmp_path / f"mice/{session}.txt", bouts)
    monkeypatch.setenv("MABE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cached, "FEW_BYTES", 0)
    monkeypatch.setattr(cached, "FEW_POINTS", 0)
    monkeypatch.setattr(cached, "FEW_SECONDS", 0)
    return tmp_path


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list to which each recording that is really read is added."""
    read: list[str] = []
    really = pose_recordings._read

    def told(pair, *rest):
        read.append(pair.name)
        return really(pair, *rest)

    monkeypatch.setattr(pose_recordings, "_read", told)
    return read


def experiment(*changes: str) -> Experiment:
    return resolve(read_text(RATS, overrides=list(changes)), load_plugins())


def load(data: Path, *changes: str) -> Dataset:
    return read_data(experiment(*changes), DataAccess((data,)))[0]


def prepared(data: Path, *changes: str) -> TrainingData:
    asked = experiment(*changes)
    dataset, partition = read_data(asked, DataAccess((data,)))
    return prepare(asked.data, dataset, partition, dtype=torch.float32, device=torch.device("cpu"))


def columns(data: Path, *changes: str) -> torch.Tensor:
    return prepared(data, *changes).train(torch.arange(100))[0]


def test_recordings_come_out_of_the_cache_as_they_were_read(data: Path, readings: list[str]) -> None:
    first, second = load(data), load(data)
    assert readings == ["0", "1", "2"]
    assert (first.classes, first.exclusive, first.notes) == (second.classes, second.exclusive, second.notes)
    for one, other in zip(first.recordings, second.recordings, strict=True):
        for name in ("name", "fps", "individuals", "keypoints", "groups", "role", "pixels_per_cm"):
            assert getattr(one, name) == getattr(other, name)
        np.testing.assert_array_equal(one.points, other.points)
        np.testing.assert_array_equal(one.confidence, other.confidence)
        for mine, theirs in zip(one.views, other.views, strict=True):
            assert mine.individuals == theirs.individuals
            np.testing.assert_array_equal(mine.labels, theirs.labels)
            assert theirs.labels.dtype == np.int8


def test_a_file_that_changed_is_read_again(data: Path, readings: list[str]) -> None:
    before = load(data).recordings[1].points
    file = data / "mice/1.csv"
    times = file.stat()
    write_csv(pose_frame(seed=9), file)
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))  # content decides, not the time
    after = load(data).recordings[1].points
    assert len(readings) == 6
    assert not np.array_equal(before, after)


@pytest.mark.parametrize(
    "change", ["data.dataset.pose={name: deeplabcut, min_confidence: 0.6}", "data.dataset.fps=25"]
)
def test_another_setting_of_the_dataset_or_of_its_reader_is_read_again(data, readings, change: str) -> None:
    load(data)
    load(data, change)
    assert len(readings) == 6
    load(data, "data.sequence_length=16", "model=conv1d_bilstm", "seed=5")  # these read the same
    assert len(readings) == 6


def test_code_that_changed_reads_and_computes_again(data, readings, monkeypatch) -> None:
    columns(data)
    kept = len(Cache(data / "cache", 10**9).entries())
    monkeypatch.setattr(cache, "_source", lambda root: f"{root} changed")
    columns(data)
    assert len(readings) == 6
    assert len(Cache(data / "cache", 10**9).entries()) == 2 * kept


def test_the_code_of_every_module_of_a_package_counts(tmp_path: Path, monkeypatch) -> None:
    package = tmp_path / "pack"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "inner.py").write_text("A = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    __import__("pack")
    before = cache._source.__wrapped__("pack")
    (package / "inner.py").write_text("A = 2\n")
    assert cache._source.__wrapped__("pack") != before


def test_features_of_a_long_recording_are_kept_in_parts(data: Path, monkeypatch) -> None:
    monkeypatch.setattr(cached, "PART_BYTES", 1000)
    first = columns(data)
    kept = Cache(data / "cache", 10**9).entries()
    assert len(kept) > 30
    really = FeaturePipeline.inputs
    computed: list[int] = []
    monkeypatch.setattr(FeaturePipeline, "inputs", lambda *given: computed.append(1) or really(*given))
    assert torch.equal(columns(data), first)
    assert not computed
    for entry in kept:
        if entry.stem.endswith("-2"):
            entry.unlink()
    assert torch.equal(columns(data), first)
    assert len(computed) == 3


def test_features_come_out_of_the_cache_bit_by_bit_and_are_not_computed(data, monkeypatch) -> None:
    monkeypatch.setenv("MABE_CACHE", "off")
    without = columns(data)
    monkeypatch.setenv("MABE_CACHE", str(data / "cache"))
    first = columns(data)

    def never(*_):
        raise AssertionError("features were computed again")

    monkeypatch.setattr(FeaturePipeline, "inputs", never)
    assert torch.equal(columns(data), first)
    assert torch.equal(without, first)
    with pytest.raises(AssertionError, match="computed again"):
        columns(data, "data.features=[normalize, interpolate, {name: motion, front: nose, back: neck}]")


def test_inputs_of_a_long_recording_are_the_same_computed_block_by_block(data: Path, monkeypatch) -> None:
    augmented = "data.augmentations=[{name: mirror, about: origin}]"
    whole = {words: prepared(data, *words).validation.columns for words in ((), (augmented,))}
    monkeypatch.setattr(features, "FRAMES_OF_INPUTS", 7)
    for words, expected in whole.items():
        torch.testing.assert_close(prepared(data, *words).validation.columns, expected)


def test_a_damaged_entry_is_read_again(data: Path, readings: list[str]) -> None:
    load(data)
    (entry,) = Cache(data / "cache", 10**9).entries()
    whole = entry.read_bytes()
    for damaged in (b"", whole[:100], whole[:-10], b"\0" * len(whole)):
        entry.write_bytes(damaged)
        readings.clear()
        assert len(load(data).recordings) == 3
        assert len(readings) == 3
        assert entry.read_bytes() == whole


def test_what_was_not_used_for_longest_goes_first(tmp_path: Path) -> None:
    kept = Cache(tmp_path, 10_000)
    tensors = {"x": torch.zeros(800)}  # 3,200 bytes, and a header
    for age, key in enumerate(("aa", "bb", "cc")):
        kept.write(key, tensors, key)
        os.utime(kept._file(key), (1000 + age, 1000 + age))
    assert kept.read("aa") is not None  # used now
    kept.shrink(7_500)
    assert kept.read("bb") is None
    assert kept.size() <= 7_500
    found = kept.read("aa")
    assert found is not None
    assert found[1] == "aa"
    kept.write("dd", {"x": torch.zeros(10_000)}, "larger than all of it")
    assert kept.read("dd") is None


def test_the_limit_holds_while_entries_are_written(tmp_path: Path, monkeypatch) -> None:
    kept = Cache(tmp_path, 1_000_000)
    counted: list[None] = []
    really = Cache.entries
    monkeypatch.setattr(Cache, "entries", lambda self: counted.append(None) or really(self))
    for number in range(400):
        kept.write(f"{number:03}", {"x": torch.zeros(800)}, number)
        if number % 20 == 19:
            assert sum(file.stat().st_size for file in tmp_path.glob("*/*")) <= 1_000_000
    assert kept.read("399") is not None
    assert kept.read("010") is None
    assert len(counted) < 100  # each looks at all entries


def test_features_that_are_sooner_computed_than_read_are_not_kept(data: Path, monkeypatch) -> None:
    monkeypatch.setattr(cached, "FEW_SECONDS", 60.0)
    columns(data)
    assert len(Cache(data / "cache", 10**9).entries()) == 1  # the recordings


def test_a_folder_that_takes_nothing_costs_no_run(data: Path, monkeypatch) -> None:
    (data / "file").write_text("no folder")
    monkeypatch.setenv("MABE_CACHE", str(data / "file"))
    assert len(load(data).recordings) == 3


def test_small_data_is_not_kept_and_off_is_off(data: Path, monkeypatch) -> None:
    monkeypatch.setattr(cached, "FEW_BYTES", 10**9)
    load(data)
    monkeypatch.setenv("MABE_CACHE", "off")
    assert find_cache() is None
    load(data)
    assert not (data / "cache").exists()


def test_the_command_tells_what_is_kept_and_removes_it(data: Path, mabe) -> None:
    columns(data)
    told = mabe("cache").out
    assert told.startswith(f"{data / 'cache'}: 4 entries, 0.00 of at most 5 GB")
    assert mabe("cache", "--clear").out == f"removed 4 entries of {data / 'cache'}\n"
    assert Cache(data / "cache", 10**9).entries() == []


def test_a_size_that_is_no_number_is_an_error(data: Path, mabe, monkeypatch) -> None:
    monkeypatch.setenv("MABE_CACHE_GB", "many")
    outcome = mabe("cache")
    assert outcome.code == 2
    assert "$MABE_CACHE_GB should be a number of gigabytes, not 'many'" in outcome.err
