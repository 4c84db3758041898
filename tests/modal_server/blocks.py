"""Where 8 MiB blocks of uploaded files lie on disk, found by their SHA-256, so that only missing ones are sent.

Approximated: blocks are known from uploads since the server's start (and from one that its end cut off), as long
as the file they went into is in its volume; Modal knows all it ever stored. Trailing zeros are no part of a
block, as the client cuts them.
"""

import hashlib
import os
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web
from grpclib import GRPCError, Status
from modal_proto import api_pb2

from .copying import copy_range
from .file_transfer import receive_into

BLOCK_SIZE = 8 * 1024 * 1024
_WAITS_FOR = 24 * 3600.0  # seconds until an uploaded block that no file asked for is forgotten
_EMPTY = hashlib.sha256(b"").digest()


@dataclass(frozen=True)
class _Place:
    """Bytes of a file that must still be the file it was: a volume's file is replaced, never written in place."""

    file: Path
    offset: int
    length: int
    stamp: tuple[int, int, int]

    @classmethod
    def of(cls, file: Path, offset: int, length: int) -> "_Place":
        return cls(file, offset, length, _stamp(file.stat()))

    @property
    def is_there(self) -> bool:
        try:
            return _stamp(self.file.stat()) == self.stamp
        except OSError:
            return False


def _stamp(about: os.stat_result) -> tuple[int, int, int]:
    return about.st_ino, about.st_mtime_ns, about.st_size


class Blocks:
    """Known blocks: uploaded ones wait in `folder`, until a file of a volume holds them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._places: dict[bytes, _Place] = {}
        folder.mkdir(parents=True, exist_ok=True)
        for waiting in folder.iterdir():
            if waiting.name.startswith("arriving") or time.time() - waiting.stat().st_mtime > _WAITS_FOR:
                waiting.unlink()
            else:
                self._places[bytes.fromhex(waiting.name[:64])] = _Place.of(waiting, 0, waiting.stat().st_size)

    def has(self, digest: bytes) -> bool:
        place = self._places.get(digest)
        return digest == _EMPTY or (place is not None and place.is_there)

    async def put(self, request: web.Request) -> web.Response:
        """Store an uploaded block (HTTP PUT); the reply is what the client names when it makes the file."""
        digest, token = request.match_info["sha256"], secrets.token_hex(4)
        arriving = self._folder / f"arriving-{token}"
        seen = hashlib.sha256()
        try:
            size = await receive_into(request, arriving, seen.update)
            if seen.hexdigest() != digest or size > BLOCK_SIZE:
                raise web.HTTPBadRequest(text="the block is not what its SHA-256 says")
            # a name of its own: another upload of this block may be put into a file at this moment
            if not self.has(bytes.fromhex(digest)):
                waiting = arriving.replace(self._folder / f"{digest}-{token}")
                self._places[bytes.fromhex(digest)] = _Place.of(waiting, 0, size)
        finally:
            arriving.unlink(missing_ok=True)
        return web.Response(text=digest)

    def write_file(self, file: api_pb2.VolumePutFiles2Request.File, target: Path) -> None:
        """Write a file from blocks that are all known."""
        with target.open("wb") as writing:
            for number, block in enumerate(file.blocks):
                if block.contents_sha256 == _EMPTY:
                    continue
                place = self._places[block.contents_sha256]
                with place.file.open("rb") as reading:
                    if _stamp(os.fstat(reading.fileno())) != place.stamp:
                        raise GRPCError(Status.UNAVAILABLE, "a file was replaced while its blocks were read")
                    copy_range(reading, place.offset, writing, number * BLOCK_SIZE, place.length)
            writing.truncate(file.size)

    def moved(self, file: api_pb2.VolumePutFiles2Request.File, stored: Path) -> None:
        """Remember that the blocks of `file` now lie in `stored`; what waited for it is removed."""
        for number, block in enumerate(file.blocks):
            place = self._places.get(block.contents_sha256)
            if place is not None:
                self._places[block.contents_sha256] = _Place.of(stored, number * BLOCK_SIZE, place.length)
                if place.file.parent == self._folder:
                    place.file.unlink(missing_ok=True)
