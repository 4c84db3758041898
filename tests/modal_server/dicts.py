"""RPCs of dicts: entries are bytes to bytes, one file each, so that they outlive the server.

Approximated: entries do not expire (Modal's do after 7 days without use), and an update of several entries is
atomic towards other calls, but a server killed in the middle of it keeps the first ones only.
"""

import hashlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

from google.protobuf.empty_pb2 import Empty
from modal_proto import api_pb2

from .named_objects import DEFAULT_ENVIRONMENT, NamedObject, NamedObjects, write_atomically

_LENGTH_LIMIT = 100_000  # what DictLen answers at most


class Dicts:
    """Dicts with their entries in memory and as `<folder>/<id>/entries/<SHA-256 of the key>`.

    Handlers change entries without waiting for anything in between, so calls never interleave.
    """

    def __init__(self, folder: Path) -> None:
        self._objects = NamedObjects(folder, "di", "Dict", dropped=self._forget)
        self._loaded: dict[str, dict[bytes, bytes]] = {}

    async def DictGetOrCreate(
        self, request: api_pb2.DictGetOrCreateRequest
    ) -> api_pb2.DictGetOrCreateResponse:
        found, created = self._objects.get_or_create(
            request.deployment_name, request.environment_name, request.object_creation_type
        )
        if created:
            for entry in request.data:
                self._put(found.id, entry.key, entry.value)
        return api_pb2.DictGetOrCreateResponse(dict_id=found.id, metadata=_metadata(found))

    async def DictGetById(self, request: api_pb2.DictGetByIdRequest) -> api_pb2.DictGetByIdResponse:
        found = self._objects.by_id(request.dict_id)
        return api_pb2.DictGetByIdResponse(dict_id=found.id, metadata=_metadata(found))

    async def DictList(self, request: api_pb2.DictListRequest) -> api_pb2.DictListResponse:
        dicts = [
            api_pb2.DictListResponse.DictInfo(
                name=known.name, created_at=known.created_at, dict_id=known.id, metadata=_metadata(known)
            )
            for known in self._objects.page(request.environment_name, request.pagination)
        ]
        environment = request.environment_name or DEFAULT_ENVIRONMENT
        return api_pb2.DictListResponse(dicts=dicts, environment_name=environment)

    async def DictHeartbeat(self, request: api_pb2.DictHeartbeatRequest) -> Empty:
        self._objects.heartbeat(request.dict_id)
        return Empty()

    async def DictDelete(self, request: api_pb2.DictDeleteRequest) -> Empty:
        self._objects.drop(request.dict_id)
        return Empty()

    async def DictUpdate(self, request: api_pb2.DictUpdateRequest) -> api_pb2.DictUpdateResponse:
        entries = self._entries(request.dict_id)
        wanted = [e for e in request.updates if not (request.if_not_exists and e.key in entries)]
        for entry in wanted:
            self._put(request.dict_id, entry.key, entry.value)
        return api_pb2.DictUpdateResponse(created=bool(wanted))

    async def DictGet(self, request: api_pb2.DictGetRequest) -> api_pb2.DictGetResponse:
        value = self._entries(request.dict_id).get(request.key)
        return api_pb2.DictGetResponse(found=value is not None, value=value)

    async def DictContains(self, request: api_pb2.DictContainsRequest) -> api_pb2.DictContainsResponse:
        return api_pb2.DictContainsResponse(found=request.key in self._entries(request.dict_id))

    async def DictPop(self, request: api_pb2.DictPopRequest) -> api_pb2.DictPopResponse:
        value = self._entries(request.dict_id).pop(request.key, None)
        if value is not None:
            self._place(request.dict_id, request.key).unlink()
        return api_pb2.DictPopResponse(found=value is not None, value=value)

    async def DictLen(self, request: api_pb2.DictLenRequest) -> api_pb2.DictLenResponse:
        return api_pb2.DictLenResponse(len=min(len(self._entries(request.dict_id)), _LENGTH_LIMIT))

    async def DictClear(self, request: api_pb2.DictClearRequest) -> Empty:
        self._entries(request.dict_id).clear()
        shutil.rmtree(self._folder(request.dict_id), ignore_errors=True)
        return Empty()

    async def DictContents(self, request: api_pb2.DictContentsRequest) -> AsyncIterator[api_pb2.DictEntry]:
        for key, value in list(self._entries(request.dict_id).items()):
            yield api_pb2.DictEntry(key=key if request.keys else b"", value=value if request.values else b"")

    def _folder(self, dict_id: str) -> Path:
        return self._objects.folder / dict_id / "entries"

    def _place(self, dict_id: str, key: bytes) -> Path:
        return self._folder(dict_id) / hashlib.sha256(key).hexdigest()

    def _entries(self, dict_id: str) -> dict[bytes, bytes]:
        self._objects.by_id(dict_id)
        if dict_id not in self._loaded:
            files = [f for f in self._folder(dict_id).glob("*") if not f.name.startswith(".")]
            stored = [api_pb2.DictEntry.FromString(file.read_bytes()) for file in files]
            self._loaded[dict_id] = {entry.key: entry.value for entry in stored}
        return self._loaded[dict_id]

    def _put(self, dict_id: str, key: bytes, value: bytes) -> None:
        entries = self._entries(dict_id)
        place = self._place(dict_id, key)
        place.parent.mkdir(exist_ok=True)
        write_atomically(place, api_pb2.DictEntry(key=key, value=value).SerializeToString())
        entries[key] = value

    def _forget(self, dict_id: str) -> None:
        self._loaded.pop(dict_id, None)


def _metadata(known: NamedObject) -> api_pb2.DictMetadata:
    return api_pb2.DictMetadata(name=known.name, creation_info=known.creation_info)
