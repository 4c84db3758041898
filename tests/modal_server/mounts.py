"""Mounts: sets of local files that a container finds at fixed paths, stored once by SHA-256.

Approximated: Modal's own mounts (its client, Python builds) are answered as empty ones, for a container here
has its own interpreter and client; nothing stored is ever forgotten.
"""

import asyncio
import hashlib
import json
import re
import secrets
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from grpclib import GRPCError, Status
from modal_proto import api_pb2

from .blobs import Blobs
from .copying import copy_file
from .named_objects import DEFAULT_ENVIRONMENT, write_atomically

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class MountedFile:
    """A file of a mount: its path in the container, where its content lies here (never write there), its mode."""

    path: PurePosixPath
    source: Path
    mode: int


class Contents:
    """Files by the SHA-256 of their content, read-only on disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def place(self, sha256_hex: str) -> Path:
        if not _SHA256.fullmatch(sha256_hex):
            raise GRPCError(Status.INVALID_ARGUMENT, f"{sha256_hex!r} is no SHA-256 in hexadecimal digits")
        return self._folder / sha256_hex[:2] / sha256_hex

    def existing(self, sha256_hex: str) -> Path:
        place = self.place(sha256_hex)
        if not place.exists():
            raise GRPCError(Status.FAILED_PRECONDITION, f"No content with SHA-256 {sha256_hex} was uploaded")
        return place

    def store(self, sha256_hex: str, data: bytes | Path) -> None:
        """Store content, from memory or from a file; refuse it where the hash is another's."""
        place = self.place(sha256_hex)
        place.parent.mkdir(exist_ok=True)
        temporary = place.with_name(f".{sha256_hex}.{secrets.token_hex(4)}")
        if isinstance(data, bytes):
            temporary.write_bytes(data)
        else:
            copy_file(data, temporary)
        with temporary.open("rb") as written:
            actual = hashlib.file_digest(written, "sha256").hexdigest()
        if actual != sha256_hex:
            temporary.unlink()
            raise GRPCError(Status.INVALID_ARGUMENT, f"The content has SHA-256 {actual}, not {sha256_hex}")
        temporary.chmod(0o444)
        temporary.replace(place)


class Mounts:
    """Mounts as `<folder>/<id>.json`, and names of deployed ones as links to them."""

    def __init__(self, folder: Path, contents: Contents, blobs: Blobs) -> None:
        self._folder = folder
        self._contents, self._blobs = contents, blobs
        folder.mkdir(parents=True, exist_ok=True)

    async def MountBatchedCheckExistence(
        self, request: api_pb2.MountBatchedCheckExistenceRequest
    ) -> api_pb2.MountBatchedCheckExistenceResponse:
        missing = [sha for sha in request.sha256_hex_hashes if not self._contents.place(sha).exists()]
        return api_pb2.MountBatchedCheckExistenceResponse(
            missing_sha256_hex_hashes=missing, checked_at=_now()
        )

    async def MountPutFile(self, request: api_pb2.MountPutFileRequest) -> api_pb2.MountPutFileResponse:
        what = request.WhichOneof("data_oneof")
        if what is not None:
            blob = what == "data_blob_id"
            data = self._blobs.place(request.data_blob_id) if blob else request.data
            await asyncio.to_thread(self._contents.store, request.sha256_hex, data)
        exists = self._contents.place(request.sha256_hex).exists()
        return api_pb2.MountPutFileResponse(exists=exists, checked_at=_now())

    async def MountGetOrCreate(
        self, request: api_pb2.MountGetOrCreateRequest
    ) -> api_pb2.MountGetOrCreateResponse:
        creation = request.object_creation_type
        link = self._link(request) if request.deployment_name else None
        if link is None:
            mount_id = self._store(request)
        elif creation != api_pb2.OBJECT_CREATION_TYPE_UNSPECIFIED:
            if creation == api_pb2.OBJECT_CREATION_TYPE_CREATE_FAIL_IF_EXISTS and link.exists():
                raise GRPCError(Status.ALREADY_EXISTS, f"Mount '{request.deployment_name}' already exists")
            mount_id = self._store(request)
            write_atomically(link, mount_id.encode())
        elif link.exists():
            mount_id = link.read_text()
        elif request.namespace == api_pb2.DEPLOYMENT_NAMESPACE_GLOBAL:
            mount_id = self._store(api_pb2.MountGetOrCreateRequest())
        else:
            raise GRPCError(Status.NOT_FOUND, f"Mount '{request.deployment_name}' not found")
        checksum = self._read(mount_id)["checksum"]
        metadata = api_pb2.MountHandleMetadata(content_checksum_sha256_hex=checksum)
        return api_pb2.MountGetOrCreateResponse(mount_id=mount_id, handle_metadata=metadata)

    def files(self, mount_id: str) -> list[MountedFile]:
        return [
            MountedFile(PurePosixPath(path), self._contents.place(sha256_hex), mode)
            for path, sha256_hex, mode in self._read(mount_id)["files"]
        ]

    def _link(self, request: api_pb2.MountGetOrCreateRequest) -> Path:
        environment = request.environment_name or DEFAULT_ENVIRONMENT
        everywhere = request.namespace == api_pb2.DEPLOYMENT_NAMESPACE_GLOBAL
        owner = "global" if everywhere else f"in {environment}"
        return self._folder / hashlib.sha256(f"{owner}: {request.deployment_name}".encode()).hexdigest()

    def _store(self, request: api_pb2.MountGetOrCreateRequest) -> str:
        """Store a mount under an id that follows from its files, so that the same files are the same mount."""
        for file in request.files:
            self._contents.existing(file.sha256_hex)
        files = sorted((f.filename, f.sha256_hex, f.mode or 0o644) for f in request.files)
        checksum = hashlib.sha256(json.dumps(files).encode()).hexdigest()
        mount_id = f"mo-{checksum[:22]}"
        if not (self._folder / f"{mount_id}.json").exists():
            about = {"checksum": checksum, "files": files}
            write_atomically(self._folder / f"{mount_id}.json", json.dumps(about).encode())
        return mount_id

    def _read(self, mount_id: str) -> dict[str, Any]:
        place = self._folder / f"{Path(mount_id).name}.json"
        if not place.exists():
            raise GRPCError(Status.NOT_FOUND, f"Mount {mount_id} not found")
        about: dict[str, Any] = json.loads(place.read_bytes())
        return about


def _now() -> Timestamp:
    now = Timestamp()
    now.GetCurrentTime()
    return now
