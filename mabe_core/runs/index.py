"""`runs/.index.sqlite`: what was read of each run's files, kept so that thousands need not be read again.

It is a cache and nothing else: where it is missing, damaged, locked, of another version or not to be written,
the files are read, and say the same. An entry counts for as long as its files have the same size, times and
inode; one whose files were changed within a breath of being read does not, since a second change might not
show. The journal is SQLite's old one, which asks less of a file system than WAL does.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

FILE = ".index.sqlite"
VERSION = 1
# seconds that another process is waited for; after that the files are read
PATIENCE = 0.5
# nanoseconds: the coarsest times of files that are common are FAT's, of 2 s
BREATH = 2_000_000_000

# reads one run's files, given their folder; what it returns is kept as JSON
Reader = Callable[[str], Any]


@attrs.frozen
class Part:
    """One of the things that are kept of a run: the files that it follows from, and how it is read.

    flat: whether it is a map without maps in it, which then is decoded only as far as it is asked for.
    """

    name: str
    files: tuple[str, ...]
    read: Reader
    flat: bool = False


class FlatMap(Mapping[str, Any]):
    """A JSON object without objects in it, of which only the values that are asked for are decoded.

    In such a text `"key": ` stands nowhere but before that key's value: inside a text, quotes are escaped.
    """

    def __init__(self, text: str) -> None:
        self._text = text

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a key, or the default where there is none."""
        before = _before(key)
        place = self._text.find(before)
        return default if place < 0 else _DECODER.raw_decode(self._text, place + len(before))[0]

    def __getitem__(self, key: str) -> Any:
        found = self.get(key, self)
        if found is self:
            raise KeyError(key)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(json.loads(self._text))

    def __len__(self) -> int:
        return len(json.loads(self._text))


_DECODER = json.JSONDecoder()


@functools.cache
def _before(key: str) -> str:
    return f"{json.dumps(key)}: "


@attrs.frozen
class _Entry:
    signature: str
    settled: bool
    text: str
    value: Any


def read_all(runs_dir: Path, ids: Iterable[str], part: Part) -> dict[str, Any]:
    """Return a part of each of these runs, from the index where it stands there, else from their files."""
    kept = _load(runs_dir / FILE, part)
    found: dict[str, _Entry] = {}
    changed = []
    above = str(runs_dir)  # pathlib would take most of a second for ten thousand runs
    for run_id in ids:
        folder = f"{above}/{run_id}"
        began = time.time_ns()
        signature, newest = _signature(folder, part.files)
        entry = kept.get(run_id)
        if entry is None or not entry.settled or entry.signature != signature:
            text = json.dumps(part.read(folder))
            entry = _Entry(signature, newest < began - BREATH, text, _value(part, text))
            changed.append(run_id)
        found[run_id] = entry
    gone = [run_id for run_id in kept.keys() - found.keys() if not os.path.lexists(f"{above}/{run_id}")]
    if changed or gone:
        _store(runs_dir / FILE, part.name, {run_id: found[run_id] for run_id in changed}, gone)
    return {run_id: entry.value for run_id, entry in found.items()}


def _signature(folder: str, files: tuple[str, ...]) -> tuple[str, int]:
    """Return what changes when one of the files does, and when the last of them did, in nanoseconds."""
    told, newest = [], 0
    for name in files:
        try:
            stat = os.stat(f"{folder}/{name}")  # noqa: PTH116
        except OSError:
            told.append("-")
            continue
        told.append(f"{stat.st_mtime_ns},{stat.st_ctime_ns},{stat.st_size},{stat.st_ino}")
        newest = max(newest, stat.st_mtime_ns, stat.st_ctime_ns)
    return ";".join(told), newest


def _value(part: Part, text: str) -> Any:
    return FlatMap(text) if part.flat else json.loads(text)


def _load(file: Path, part: Part) -> dict[str, _Entry]:
    """Return the entries of one part; those that are damaged are left out."""
    if not file.exists():
        return {}
    try:
        with contextlib.closing(_opened(file, write=False)) as database:
            (version,) = database.execute("PRAGMA user_version").fetchone()
            if version != VERSION:
                return {}
            rows = database.execute(
                "SELECT id, signature, settled, value, checked FROM kept WHERE part = ?", (part.name,)
            ).fetchall()
    except (sqlite3.Error, ValueError):  # what damaged pages hold may be no text
        return {}
    whole = [row for row in rows if row[4] == _checksum(part.name, *row[:4])]
    if part.flat:
        values: list[Any] = [FlatMap(row[3]) for row in whole]
    else:  # decoded in one go: the keys, alike in all, are then made once
        values = json.loads(f"[{','.join(row[3] for row in whole)}]")
    return {
        row[0]: _Entry(row[1], bool(row[2]), row[3], value) for row, value in zip(whole, values, strict=True)
    }


def _store(file: Path, part: str, changed: Mapping[str, _Entry], gone: Iterable[str]) -> None:
    """Put entries into the index; where that fails, the next look reads the files again."""
    try:
        _write(file, part, changed, gone)
    except sqlite3.OperationalError:
        return  # locked, on a folder that is not to be written, or on a file system without locks
    except (sqlite3.DatabaseError, ValueError):  # damaged
        with contextlib.suppress(OSError, sqlite3.Error, ValueError):
            file.unlink(missing_ok=True)
            file.with_name(f"{FILE}-journal").unlink(missing_ok=True)
            _write(file, part, changed, gone)


def _write(file: Path, part: str, changed: Mapping[str, _Entry], gone: Iterable[str]) -> None:
    with contextlib.closing(_opened(file, write=True)) as database, database:
        database.execute("BEGIN IMMEDIATE")
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if version != VERSION:
            database.execute("DROP TABLE IF EXISTS kept")
            database.execute(f"PRAGMA user_version = {VERSION}")
        database.execute(
            "CREATE TABLE IF NOT EXISTS kept (part TEXT, id TEXT, signature TEXT, settled INTEGER, "
            "value TEXT, checked INTEGER, PRIMARY KEY (part, id)) WITHOUT ROWID"
        )
        rows = []
        for run_id, entry in changed.items():
            columns = (run_id, entry.signature, int(entry.settled), entry.text)
            rows.append((part, *columns, _checksum(part, *columns)))
        database.executemany("REPLACE INTO kept VALUES (?, ?, ?, ?, ?, ?)", rows)
        database.executemany("DELETE FROM kept WHERE id = ?", [(run_id,) for run_id in gone])


def _opened(file: Path, *, write: bool) -> sqlite3.Connection:
    mode = "rwc" if write else "ro"
    return sqlite3.connect(
        f"{file.absolute().as_uri()}?mode={mode}", uri=True, timeout=PATIENCE, isolation_level=None
    )


def _checksum(*columns: str | int) -> int:
    """Return what tells a damaged row: SQLite notices damage of its pages, not of what stands on them."""
    return zlib.crc32("\0".join(map(str, columns)).encode(errors="replace"))
