"""Keeps what was read and computed between runs: tensors under the hash of all that they follow from."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from mabe_core.errors import RunError, UserError
from mabe_core.runs.files import oldest_first, remove_oldest, write_whole
from mabe_core.runs.identity import components_of

FOLDER, LIMIT = "MABE_CACHE", "MABE_CACHE_GB"
OFF = "off"
DEFAULT_GB = 5.0
SUFFIX = ".safetensors"
# raised when what is kept, or how, changes
FORMAT = 1
# where the limit is passed, so much of it is kept: the next entries have room
KEPT = 0.9
# bytes that may be written to a folder before its entries are counted again
_room: dict[Path, float] = {}


@attrs.frozen
class Cache:
    """A folder of entries, the oldest of which go where there are more bytes than `limit`."""

    folder: Path
    limit: int

    def read(self, key: str, device: torch.device | str = "cpu") -> tuple[dict[str, Tensor], Any] | None:
        """Return the tensors of a key and what was told beside them; None where there is no whole entry."""
        file = self._file(key)
        try:
            with safe_open(file, framework="pt", device=str(device)) as opened:
                told = json.loads((opened.metadata() or {})["told"])
                tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - no mapping
            os.utime(file)
        except (OSError, SafetensorError, KeyError, ValueError):
            return None
        return tensors, told

    def write(self, key: str, tensors: Mapping[str, Tensor], told: Any) -> None:
        """Keep tensors under a key, whole or not at all; nothing is kept where the folder takes nothing."""
        held = {name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()}
        size = sum(tensor.nbytes for tensor in held.values())
        if size > self.limit:
            return
        file = self._file(key)
        # a full disk costs the next run its time, and this one nothing
        with contextlib.suppress(OSError, RunError):
            file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(file, save(held, {"told": json.dumps(told)}))
            self._make_room(size)

    def entries(self) -> list[Path]:
        """Return the entries, those not used for longest first."""
        return [file for file, _ in oldest_first(self._files())]

    def size(self) -> int:
        """Return the bytes of all entries."""
        return sum(size for _, size in oldest_first(self._files()))

    def shrink(self, limit: int) -> int:
        """Remove entries, those not used for longest first, until no more bytes are left; return how many."""
        return remove_oldest(self._files(), limit)

    def _make_room(self, written: int) -> None:
        """Hold the limit, without counting thousands of entries for each that is written."""
        left = _room.get(self.folder, 0.0) - written
        if left < 0:
            size = self.size()
            if size > self.limit:
                self.shrink(int(KEPT * self.limit))
                size = self.size()
            left = (self.limit - size) / 2  # other runs write too
        _room[self.folder] = left

    def _files(self) -> Iterator[Path]:
        return self.folder.glob(f"*/*{SUFFIX}")

    def _file(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}{SUFFIX}"


def find_cache() -> Cache | None:
    """Return the cache in $MABE_CACHE, by default in the user's cache folder; None where it says `off`."""
    named = os.environ.get(FOLDER, "")
    if named == OFF:
        return None
    asked = os.environ.get(LIMIT) or DEFAULT_GB
    try:
        limit = float(asked)
    except ValueError:
        raise UserError(f"${LIMIT} should be a number of gigabytes, not {asked!r}") from None
    try:
        folder = Path(named or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:  # nobody's home, as in some containers
        return None
    return Cache(folder if named else folder / "mabe", int(limit * 1e9))


def key_of(*parts: Any, components: Any) -> str:
    """Return the key of what follows from these parts, these components' configs, and the code of both.

    parts: whatever JSON holds, or bytes. The code is that of each package that a component comes from, and
    ours, whole: a module that it imports may be the one that changed.
    """
    digest = hashlib.sha256()
    roots = {"mabe_core"} | {
        component.spec.build.__module__.partition(".")[0]
        for component in components_of(components)
        if component.spec is not None
    }
    told = [FORMAT, torch.__version__, repr(components), [_source(root) for root in sorted(roots)]]
    for part in (told, *parts):
        data = part if isinstance(part, bytes | memoryview) else json.dumps(part, sort_keys=True).encode()
        digest.update(hashlib.sha256(data).digest())
    return digest.hexdigest()


@functools.lru_cache
def _source(root: str) -> str:
    """Return a package's name and the hash of its Python files; a local file's name has its hash."""
    digest = hashlib.sha256()
    for file in _python_files(root):
        digest.update(file.name.encode() + hashlib.sha256(file.read_bytes()).digest())
    return f"{root} {digest.hexdigest()}"


def _python_files(root: str) -> Iterator[Path]:
    module = sys.modules[root]
    for folder in getattr(module, "__path__", ()):
        yield from sorted(Path(folder).rglob("*.py"))
