"""Everything that is stored, for the server: volumes, blobs, mounts, dicts, queues, secrets under one folder."""

from collections.abc import Callable
from pathlib import Path

from aiohttp import web

from .blobs import Blobs
from .dicts import Dicts
from .mounts import Contents, MountedFile, Mounts
from .queues import Queues
from .secrets import Secrets
from .views import View
from .volumes import Volumes

__all__ = ["MountedFile", "Storage", "View"]


class Storage:
    """The storage rooms of a server. What lies under `folder` is found again by the next server on it.

    `base_url` gives the address of the HTTP server that `add_routes` was called for; it is asked when an address
    is handed out. `open_view` and a view's methods block: call them in a thread.
    """

    def __init__(self, folder: Path, base_url: Callable[[], str]) -> None:
        contents = Contents(folder / "contents")
        self._blobs = Blobs(folder / "blobs", base_url)
        self._mounts = Mounts(folder / "mounts", contents, self._blobs)
        self._volumes = Volumes(folder, base_url, self._blobs, contents)
        self._secrets = Secrets(folder / "secrets")
        self.handlers: list[object] = [
            self._volumes,
            self._blobs,
            self._mounts,
            Dicts(folder / "dicts"),
            Queues(folder / "queues"),
            self._secrets,
        ]

    def add_routes(self, app: web.Application) -> None:
        self._volumes.add_routes(app)
        self._blobs.add_routes(app)

    def open_view(self, volume_id: str, folder: Path) -> View:
        """Copy a volume's present state into `folder` (made if missing) for one container."""
        return View(self._volumes.files(volume_id), folder)

    def mount_files(self, mount_id: str) -> list[MountedFile]:
        return self._mounts.files(mount_id)

    def secret_values(self, secret_id: str) -> dict[str, str]:
        return self._secrets.values(secret_id)

    def read_blob(self, blob_id: str) -> bytes:
        return self._blobs.read(blob_id)

    def write_blob(self, data: bytes) -> str:
        return self._blobs.write(data)
