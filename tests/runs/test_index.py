"""runs/.index.sqlite is a cache: whatever becomes of it, the rows are those of the files."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mabe_core.runs import index
from mabe_core.runs.directory import RunDirectory
from mabe_core.runs.listing import local_rows
from tests.made_runs import made_run, write_record

Rows = list[dict[str, Any]]
# long ago, so that an entry counts from the first look on
LONG_AGO = 1_700_000_000


def rows(runs_dir: Path) -> Rows:
    return [
        {**row.told, "scores": dict(row.scores), "settings": dict(row.settings)}
        for row in local_rows(runs_dir, whole=True)
    ]


def read_anew(runs_dir: Path) -> Rows:
    """Return what the rows are without any index."""
    (runs_dir / index.FILE).unlink(missing_ok=True)
    found = rows(runs_dir)
    (runs_dir / index.FILE).unlink(missing_ok=True)
    return found


def age_files(runs_dir: Path) -> None:
    for path in runs_dir.rglob("*"):
        os.utime(path, (LONG_AGO, LONG_AGO))


def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that the ids of runs whose records are read are added to."""
    seen: list[str] = []
    from mabe_core.runs import listing

    part = listing.RECORD

    def counted(folder: str) -> Any:
        seen.append(Path(folder).name)
        return part.read(folder)

    monkeypatch.setattr(listing, "RECORD", index.Part(part.name, part.files, counted))
    return seen


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[RunDirectory]:
    """Return six runs that count as written long ago."""
    made = [made_run(tmp_path, f"seed={seed}") for seed in range(6)]
    monkeypatch.setattr(index, "BREATH", -(10**18))
    return made


def test_the_second_look_reads_no_record(
    runs: list[RunDirectory], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = reads(monkeypatch)
    first = rows(tmp_path)
    assert len(seen) == 6
    assert rows(tmp_path) == first == read_anew(tmp_path)
    assert len(seen) == 12  # all of the last by `read_anew`


def change_in_place(runs: list[RunDirectory]) -> None:
    text = runs[2].record.read_text()
    stat = runs[2].record.stat()
    with runs[2].record.open("r+") as file:
        file.write(text.replace('"best": 0.5', '"best": 0.7'))
    os.utime(runs[2].record, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def replace(runs: list[RunDirectory]) -> None:
    stat = runs[4].record.stat()
    new = runs[4].path / "new.json"
    new.write_text(runs[4].record.read_text().replace('"best": 0.5', '"best": 0.7'))
    os.utime(new, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    new.replace(runs[4].record)


CHANGES: dict[str, Callable[[list[RunDirectory]], Any]] = {
    "a run added": lambda runs: made_run(runs[0].path.parent, "seed=9"),
    "a run deleted": lambda runs: shutil.rmtree(runs[1].path),
    "a record edited": lambda runs: write_record(runs[2], state="failed", held_out={"macro_f1": 0.9}),
    "as many bytes, and the old time": change_in_place,
    "an experiment edited": lambda runs: runs[3].experiment.write_text("model: {name: other}\n"),
    "a record replaced": replace,
    "a record damaged": lambda runs: runs[4].record.write_text("{"),
    "a record gone": lambda runs: runs[4].record.unlink(),
    "a run renamed": lambda runs: runs[5].path.rename(runs[5].path.with_name("other-0123456789")),
    "an epoch added": lambda runs: (
        runs[0].best.write_text('{"checkpoint": "step-00000009", "epoch": 1, "step": 9}'),
        runs[0].append_epoch({"epoch": 1, "step": 9, "val_macro_f1": 0.25}),
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_changed_by_hand_is_seen(runs: list[RunDirectory], tmp_path: Path, change: str) -> None:
    before = rows(tmp_path)
    CHANGES[change](runs)
    after = rows(tmp_path)
    assert after != before
    assert after == read_anew(tmp_path)


def test_what_was_written_this_moment_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = made_run(tmp_path)
    seen = reads(monkeypatch)
    rows(tmp_path)
    rows(tmp_path)
    assert seen == [run.id] * 2


@pytest.mark.parametrize(
    "damage", ["empty", "not a database", "a folder", "another version", "another table"]
)
def test_a_spoilt_index_is_passed_over(
    runs: list[RunDirectory], tmp_path: Path, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = rows(tmp_path)
    file = tmp_path / index.FILE
    if damage == "empty":
        file.write_bytes(b"")
    elif damage == "not a database":
        file.write_bytes(b"no database at all" * 1000)
    elif damage == "a folder":
        file.unlink()
        file.mkdir()
    else:
        with sqlite3.connect(file) as database:
            database.execute("ALTER TABLE kept RENAME COLUMN value TO other")
            if damage == "another version":
                database.execute("PRAGMA user_version = 99")
            else:
                database.execute("DROP TABLE kept")
        database.close()
    assert rows(tmp_path) == expected
    seen = reads(monkeypatch)
    assert rows(tmp_path) == expected
    assert len(seen) == (6 if damage == "a folder" else 0)  # it was mended, where that is possible


def test_bytes_that_went_bad_are_never_believed(runs: list[RunDirectory], tmp_path: Path) -> None:
    expected = rows(tmp_path)
    file = tmp_path / index.FILE
    whole = file.read_bytes()
    rng = random.Random(0)
    for _ in range(150):
        content = bytearray(whole)
        for _ in range(rng.choice([1, 3, 400])):
            content[rng.randrange(len(content))] = rng.randrange(256)
        file.write_bytes(bytes(content[: rng.choice([len(content), rng.randrange(len(content))])]))
        assert rows(tmp_path) == expected


def test_a_folder_that_cannot_be_written_is_read(runs: list[RunDirectory], tmp_path: Path) -> None:
    expected = read_anew(tmp_path)
    refused = sqlite3.OperationalError("attempt to write a readonly database")

    def refuse(*_: object, **__: object) -> None:
        raise refused

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite3, "connect", refuse)
        assert rows(tmp_path) == expected
    assert not (tmp_path / index.FILE).exists()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_read(runs: list[RunDirectory], tmp_path: Path) -> None:
    expected = read_anew(tmp_path)
    tmp_path.chmod(0o500)
    try:
        assert rows(tmp_path) == expected
    finally:
        tmp_path.chmod(0o700)


def test_an_index_that_another_process_holds_is_not_waited_for(
    runs: list[RunDirectory], tmp_path: Path
) -> None:
    expected = rows(tmp_path)
    with sqlite3.connect(tmp_path / index.FILE, isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        write_record(runs[0], best=0.9)
        began = time.monotonic()
        found = rows(tmp_path)
        assert time.monotonic() - began < 10
        other.execute("ROLLBACK")
    other.close()
    assert found[0]["id"] == expected[0]["id"]
    assert [row["best"] for row in found].count(0.9) == 1


def look_often(folder: str, number: int) -> None:
    runs_dir = Path(folder)
    for turn in range(15):
        made = json.loads((runs_dir / "ids.json").read_text())
        write_record(RunDirectory(runs_dir / made[number]), step=100 * number + turn)
        found = {row["id"]: row["step"] for row in rows(runs_dir)}
        assert found[made[number]] == 100 * number + turn


def test_two_processes_look_and_write_at_once(runs: list[RunDirectory], tmp_path: Path) -> None:
    (tmp_path / "ids.json").write_text(json.dumps([run.id for run in runs]))
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=look_often, args=(str(tmp_path), number)) for number in (0, 1)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    assert rows(tmp_path) == read_anew(tmp_path)
