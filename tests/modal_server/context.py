"""Small things that every room needs: ids, the task that is calling, waiting for a change."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import string
from contextvars import ContextVar
from typing import Any

EnumValue = Any
"""A protobuf enum's value: an int, for which the stubs have a class of their own."""

current_task: ContextVar[str | None] = ContextVar("current_task", default=None)
"""Id of the container that makes the present call; None for a client outside."""

_LETTERS = string.ascii_letters + string.digits


def new_id(prefix: str) -> str:
    """Return a fresh id such as `ap-` and 22 letters or digits."""
    return f"{prefix}-" + "".join(secrets.choice(_LETTERS) for _ in range(22))


def id_from_hash(prefix: str, digest: bytes) -> str:
    """Return the same id for the same digest, so that it outlives the server."""
    number, letters = int.from_bytes(digest, "big"), []
    for _ in range(22):
        number, rest = divmod(number, len(_LETTERS))
        letters.append(_LETTERS[rest])
    return f"{prefix}-" + "".join(letters)


class Changed:
    """Wakes everyone who waits for something to change."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def notify(self) -> None:
        self._event.set()
        self._event = asyncio.Event()

    async def wait(self, seconds: float) -> None:
        """Return after the next `notify`, or after so many seconds."""
        event = self._event
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()
