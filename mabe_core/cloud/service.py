"""What the cloud has to offer, as far as runs need it; `modal_runner.py` offers it by Modal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Literal, Protocol

import attrs

from mabe_core.cloud.packing import Packed
from mabe_core.errors import MabeError


class CloudError(MabeError):
    """The cloud cannot be used: no account, no network, refused; the message says which and what to do."""

    exit_code = 2


class ConnectionLostError(MabeError):
    """The cloud could not be reached while something was going on there; it goes on."""


@attrs.frozen
class Entry:
    """A file or folder on a volume; path: from the volume's root, with slashes."""

    path: str
    size: int
    is_folder: bool


@attrs.frozen
class Call:
    """What was started: the ids by which it is found again."""

    call: str
    app: str


@attrs.frozen
class CallState:
    """How a call stands. result: what it returned, or why it failed."""

    state: Literal["running", "returned", "failed", "cancelled", "unknown"]
    result: str = ""


# launches what is packed, and tells the call as soon as there is one
Launch = Callable[[Packed, Callable[[Call], None]], None]


class Store(Protocol):
    """A small store of texts by key, shared by all machines of an account."""

    def get(self, key: str) -> str | None: ...

    def put(self, key: str, value: str) -> None: ...

    def put_new(self, key: str, value: str) -> bool:
        """Put a value unless there is one; tell whether it was put. Of many who try at once, one succeeds."""
        ...

    def list_keys(self) -> list[str]: ...


class Files(Protocol):
    """The files of a volume."""

    def list(self, folder: str, *, recursive: bool = False) -> list[Entry]:
        """Return what is in a folder; nothing where there is no such folder."""
        ...

    def read(self, path: str) -> bytes | None:
        """Return the content of a small file, or None where there is none."""
        ...

    def download(self, path: str, file: IO[bytes], progress: Callable[[int], None]) -> None:
        """Write a file's content into one that is open here; progress is told the bytes that came.

        Raises FileNotFoundError.
        """
        ...

    def upload(self, files: Sequence[tuple[Path | bytes, str]], *, replace: bool) -> None:
        """Put files or contents at paths of the volume, all of them or none.

        Raises FileExistsError where one of the paths is taken, unless `replace`.
        """
        ...


class Account(Protocol):
    """An account of the cloud that was reached."""

    def store(self, volume: str, *, create: bool = False) -> Store:
        """Return what is known of a volume's runs; empty where nothing is, and it is not to be created."""
        ...

    def files(self, volume: str, *, create: bool = False) -> Files | None:
        """Return the files of a volume, or None where there is no such volume."""
        ...

    def launch(self, packed: Packed, started: Callable[[Call], None]) -> None:
        """Build the image where needed and start the run, which goes on when this process ends.

        started: told the call as soon as there is one.
        """
        ...

    def launching(self, packed: Packed, most: int) -> AbstractContextManager[Launch]:
        """Build the image where needed, and give what starts runs in it, at most so many at once.

        packed: whose image and limits are those of all runs. Those beyond the limit wait in the cloud.
        """
        ...

    def state(self, call: str, wait: float) -> CallState:
        """Return how a call stands once it is over, or after `wait` seconds.

        Raises ConnectionLostError or CloudError where that cannot be told: it may well go on.
        """
        ...

    def cancel(self, call: Call) -> None:
        """End a call and its container now."""
        ...

    def log(self, call: str, *, follow: bool) -> Iterator[str]:
        """Return what a call has printed, in pieces as it came; with `follow` until it is over."""
        ...
