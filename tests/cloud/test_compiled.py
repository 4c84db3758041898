"""What torch compiled in a container is there in the next one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mabe_core.cloud import compiled
from mabe_core.cloud.compiled import VARIABLE, CompiledCode
from tests.cloud.conftest import Client
from tests.conftest import FILES

EXPERIMENT = f"""\
name: compiles
plugins: [{FILES / "tiny.py"}, {FILES / "compiles.py"}]
data:
  dataset: {{name: tiny}}
  sequence_length: 16
model: {{name: compiles, asks: false}}
training: {{epochs: 1, batch_size: 8, windows_per_epoch: 16}}
device: cpu
cloud: {{gpu: none}}
"""


@pytest.fixture
def volume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(VARIABLE, "")  # so that it is as it was, afterwards
    return tmp_path / "volume"


def test_the_next_container_finds_it(client: Client, tmp_path: Path) -> None:
    (tmp_path / "first.yaml").write_text(EXPERIMENT)
    (tmp_path / "second.yaml").write_text(EXPERIMENT.replace("asks: false", "asks: true"))
    too_early = client.run_cloud(tmp_path / "second.yaml")
    assert too_early.code != 0
    assert "nothing was compiled before" in too_early.out + too_early.err
    for name in ("first", "second"):
        ran = client.run_cloud(tmp_path / f"{name}.yaml")
        assert ran.code == 0, ran.out + ran.err


def test_only_whole_files_are_kept_and_each_once(volume: Path, tmp_path: Path) -> None:
    first = CompiledCode.on(volume, tmp_path / "first")
    first.fetch()
    assert os.environ[VARIABLE] == str(tmp_path / "first")
    first.keep()
    assert not volume.exists(), "a run that compiles nothing leaves nothing"
    names = ("ab/graph.py", "triton/0/x/kernel.cubin", "ab/.1.2.tmp", "locks/a.lock", "t/tmp.pid_1/k.json")
    for name in names:
        (tmp_path / "first" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "first" / name).write_text(name)
    first.keep()
    second = CompiledCode.on(volume, tmp_path / "second")
    second.fetch()
    files = {str(file.relative_to(tmp_path / "second")) for file in second.local.rglob("*") if file.is_file()}
    assert files == set(names[:2])
    (kept,) = second.kept.glob("ab/graph.py")
    kept.unlink()
    second.keep()
    assert not kept.exists(), "what came from the volume is not written to it again"


def test_the_oldest_is_removed_where_it_grows_too_large(
    volume: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "MOST_BYTES", 25)
    first = CompiledCode.on(volume, tmp_path / "first")
    first.local.mkdir()
    for name in ("old", "newer", "new"):
        (first.local / name).write_text("x" * 10)
    first.keep()
    for age, name in enumerate(("new", "newer", "old")):
        os.utime(first.kept / name, (1e9 - age, 1e9 - age))
    second = CompiledCode.on(volume, tmp_path / "second")
    second.fetch()
    for folder in (second.kept, second.local):
        assert {file.name for file in folder.iterdir()} == {"new", "newer"}


def test_a_volume_that_cannot_be_written_stops_nothing(
    volume: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    volume.write_text("a file where a folder should be")
    code = CompiledCode.on(volume, tmp_path / "local")
    code.fetch()
    (tmp_path / "local").mkdir()
    (tmp_path / "local" / "graph.py").write_text("x")
    code.keep()
    code.keep()
    assert capsys.readouterr().err.count("compiled code could not be kept") == 1
