"""A registry on a volume: many writers at once, writers that end in the middle, models moved both ways."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path

import pytest

from mabe_core.cloud.service import Entry
from mabe_core.errors import RunError, UserError
from mabe_core.models.adding import add_run, check
from mabe_core.models.folder import ModelFolder
from mabe_core.models.moving import pull, push
from mabe_core.models.naming import promote
from mabe_core.models.volume import VolumeModels
from mabe_core.runs.directory import RunDirectory

UNTOLD = lambda done, total: None  # noqa: E731


class FakeStore:
    """A store of texts that puts a value once, as a modal.Dict does."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def get(self, key: str) -> str | None:
        return self.values.get(key)

    def put(self, key: str, value: str) -> None:
        self.values[key] = value

    def put_new(self, key: str, value: str) -> bool:
        return self.values.setdefault(key, value) is value

    def list_keys(self) -> list[str]:
        return list(self.values)


class FakeFiles:
    """A folder that stands for a volume; while `lost`, uploads end before they have begun."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lost = False
        self.lock = threading.Lock()

    def list(self, folder: str, *, recursive: bool = False) -> list[Entry]:
        found = (self.folder / folder).rglob("*") if recursive else (self.folder / folder).glob("*")
        return [
            Entry(
                path.relative_to(self.folder).as_posix(),
                0 if path.is_dir() else path.stat().st_size,
                path.is_dir(),
            )
            for path in found
            if not path.name.startswith(".part-")
        ]

    def read(self, path: str) -> bytes | None:
        file = self.folder / path
        return file.read_bytes() if file.exists() else None

    def download(self, path, file, progress) -> None:
        content = (self.folder / path).read_bytes()
        file.write(content)
        progress(len(content))

    def upload(self, files, *, replace: bool) -> None:
        if self.lost:
            raise RunError("the connection was lost")
        with self.lock:
            if not replace and any((self.folder / path).exists() for _, path in files):
                raise FileExistsError
            for source, path in files:
                target = self.folder / path
                target.parent.mkdir(parents=True, exist_ok=True)
                part = target.with_name(f".part-{target.name}")
                part.write_bytes(source if isinstance(source, bytes) else source.read_bytes())
                part.rename(target)


@pytest.fixture
def there(tmp_path: Path) -> VolumeModels:
    return VolumeModels(FakeFiles(tmp_path / "volume"), FakeStore(), "vol")


@pytest.fixture
def here(runs, tmp_path: Path) -> ModelFolder:
    """Return a registry with two versions, the first the best."""
    models = ModelFolder(tmp_path / "models")
    add_run(models, RunDirectory(runs[0]), "rats", aliases=("best",), description="first")
    add_run(models, RunDirectory(runs[1]), "rats")
    return models


def test_a_model_goes_to_the_volume_and_comes_back_whole(here, there, tmp_path):
    for reference in ("rats@1", "rats@2"):
        assert push(here, there, reference, UNTOLD).new
    assert there.read("rats").aliases == {"best": 1}
    elsewhere = ModelFolder(tmp_path / "elsewhere")
    moved = pull(there, elsewhere, "rats@best", UNTOLD)
    assert (moved.version.number, moved.aliases) == (1, ("best",))
    assert elsewhere.read("rats").versions[0].description == "first"
    assert check(elsewhere, "rats") == []
    assert not pull(there, elsewhere, "rats@1", UNTOLD).new
    assert not push(here, there, "rats@1", UNTOLD).new


def test_another_model_of_the_same_number_gets_the_next_one(here, there, runs, tmp_path):
    other = ModelFolder(tmp_path / "other")
    add_run(other, RunDirectory(runs[1]), "rats", aliases=("best",))
    push(here, there, "rats@1", UNTOLD)
    moved = push(other, there, "rats@1", UNTOLD)
    assert (moved.version.number, moved.kept) == (2, ("best",))
    assert there.read("rats").aliases == {"best": 1}


def test_many_who_promote_at_once_lose_nothing(here, there):
    for reference in ("rats@1", "rats@2"):
        push(here, there, reference, UNTOLD)

    def promoting(version: int) -> None:
        for _ in range(40):
            promote(there, f"rats@{version}", "best")

    threads = [threading.Thread(target=promoting, args=(version,)) for version in (1, 2, 1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events = [event for event in there.history("rats") if event.what == "promoted"][1:]
    assert len(events) == 160
    assert [event.before for event in events] == [1, *(event.version for event in events[:-1])]
    assert there.read("rats").aliases == {"best": events[-1].version}


def test_what_a_writer_left_half_done_is_finished_by_the_next(here, there):
    push(here, there, "rats@1", UNTOLD)
    there.files.lost = True
    with pytest.raises(RunError):
        promote(there, "rats@1", "paper")
    there.files.lost = False
    assert "paper" not in there.read("rats").aliases
    promote(there, "rats@1", "other")
    assert there.read("rats").aliases == {"best": 1, "paper": 1, "other": 1}


def test_a_push_that_is_cut_off_leaves_no_version(here, there):
    there.files.lost = True
    with pytest.raises(RunError):
        push(here, there, "rats@1", UNTOLD)
    there.files.lost = False
    with pytest.raises(UserError, match="no model on volume vol"):
        there.read("rats")
    assert push(here, there, "rats@1", UNTOLD).version.number == 1


def test_a_file_that_was_changed_is_neither_sent_nor_brought(here, there, tmp_path):
    push(here, there, "rats@1", UNTOLD)
    (there.files.folder / "models/rats/1/experiment.yaml").write_text("name: other\n")
    elsewhere = ModelFolder(tmp_path / "elsewhere")
    with pytest.raises(RunError, match="was changed"):
        pull(there, elsewhere, "rats@1", UNTOLD)
    assert elsewhere.names() == []
    (here.entry("rats", 2) / "experiment.yaml").write_text("name: other\n")
    with pytest.raises(UserError, match="was changed"):
        push(here, there, "rats@2", UNTOLD)


def test_what_the_volume_names_outside_an_entry_is_not_written(here, there, tmp_path):
    push(here, there, "rats@1", UNTOLD)
    file = there.files.folder / "models/rats/1/entry.json"
    told = json.loads(file.read_text())
    told["files"]["../../../evil"] = "0" * 64
    file.write_text(json.dumps(told))
    with pytest.raises(UserError, match="no part of a model"):
        pull(there, ModelFolder(tmp_path / "elsewhere"), "rats@1", UNTOLD)
    shutil.rmtree(there.files.folder / "models/rats/1")
    with pytest.raises(UserError, match="is missing"):
        pull(there, ModelFolder(tmp_path / "elsewhere"), "rats@1", UNTOLD)
