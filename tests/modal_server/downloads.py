"""Versions of files that somebody is reading: kept by a hard link, so that a replaced file is read to its end."""

import os
import secrets
import time
from pathlib import Path

from aiohttp import web
from grpclib import GRPCError, Status

from .file_transfer import send_range

_KEPT_FOR = 600.0  # seconds after the last request for its blocks' addresses


class Downloads:
    """Links to versions of files, in `folder`; swept now and then."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._asked_at: dict[str, float] = {}
        folder.mkdir(parents=True, exist_ok=True)
        for link in folder.iterdir():
            self._asked_at[link.name] = time.monotonic()

    def keep(self, file: Path) -> tuple[str, int]:
        """Keep the present version of a file; return the version's name and size."""
        self._sweep()
        link = self._folder / f"link-{secrets.token_hex(8)}"
        try:
            os.link(file, link)
        except FileNotFoundError:
            raise GRPCError(Status.NOT_FOUND, f"No such file in the volume any more: '{file.name}'") from None
        about = link.stat()
        version = f"{about.st_ino:x}-{about.st_mtime_ns:x}-{about.st_size:x}"
        link.replace(self._folder / version)
        link.unlink(missing_ok=True)  # a rename onto another link of the same file leaves both
        self._asked_at[version] = time.monotonic()
        return version, about.st_size

    async def get(self, request: web.Request) -> web.StreamResponse:
        asked = request.match_info
        place = self._folder / Path(asked["version"]).name
        return await send_range(request, place, int(asked["offset"]), int(asked["length"]))

    def _sweep(self) -> None:
        oldest = time.monotonic() - _KEPT_FOR
        for version in [v for v, asked_at in self._asked_at.items() if asked_at < oldest]:
            del self._asked_at[version]
            (self._folder / version).unlink(missing_ok=True)
