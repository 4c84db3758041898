"""Writes in a thread, one thing at a time; what goes wrong there is raised in the thread that trains."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

T = TypeVar("T")


class Background(Generic[T]):
    """At most one write is under way; the next waits for it."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mabe-writer")
        self._under_way: Future[T] | None = None

    def start(self, write: Callable[[], T]) -> None:
        """Begin a write; the one before has ended, and was taken."""
        assert self._under_way is None
        self._under_way = self._pool.submit(write)

    @property
    def ended(self) -> bool:
        """Tell whether there is a write that has ended and was not taken; asked after every step."""
        return self._under_way is not None and self._under_way.done()

    def take(self) -> T | None:
        """Wait for the write under way and return what it gave; None where there is none.

        Raises what went wrong with it.
        """
        if self._under_way is None:
            return None
        write, given = self._under_way, None
        try:
            given = write.result()
        finally:
            if write.done():  # else something interrupted the wait
                self._under_way = None
        return given

    def close(self) -> None:
        """End the thread, once nothing is under way."""
        self._pool.shutdown()
