"""RPCs of volumes, version 1 and 2, except commit and reload, which belong to a container.

Approximated: no quotas and no limits on the number of files; blocks are served without Repr-Digest and with
their trailing zeros; removing "/" recursively empties a volume.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from itertools import islice
from pathlib import Path

from aiohttp import web
from google.protobuf.empty_pb2 import Empty
from grpclib import GRPCError, Status
from modal_proto import api_pb2

from .blobs import Blobs
from .blocks import BLOCK_SIZE, Blocks
from .copying import copy_file
from .downloads import Downloads
from .mounts import Contents
from .named_objects import DEFAULT_ENVIRONMENT, NamedObject, NamedObjects
from .volume_files import VolumeFiles

_ENTRIES_A_MESSAGE = 500
_INLINE_LIMIT = 4 * 1024 * 1024  # what VolumeGetFile answers without a blob


class Volumes:
    """Volumes and their files; everything that touches many files runs in a thread."""

    def __init__(self, folder: Path, base_url: Callable[[], str], blobs: Blobs, contents: Contents) -> None:
        self._objects = NamedObjects(folder / "volumes", "vo", "Volume", dropped=self._forget)
        self._files: dict[str, VolumeFiles] = {}
        self._blocks = Blocks(folder / "incoming-blocks")
        self._downloads = Downloads(folder / "downloads")
        self._base_url, self._blobs, self._contents = base_url, blobs, contents
        self._uploading = threading.Lock()

    def add_routes(self, app: web.Application) -> None:
        app.router.add_put("/volume-blocks/{sha256:[0-9a-f]{64}}", self._blocks.put)
        app.router.add_get("/volume-files/{version}/{offset:[0-9]+}/{length:[0-9]+}", self._downloads.get)

    def files(self, volume_id: str) -> VolumeFiles:
        self._objects.by_id(volume_id)
        if volume_id not in self._files:
            self._files[volume_id] = VolumeFiles(self._objects.folder / volume_id)
        return self._files[volume_id]

    def _forget(self, volume_id: str) -> None:
        self._files.pop(volume_id, None)

    # volumes themselves

    async def VolumeGetOrCreate(
        self, request: api_pb2.VolumeGetOrCreateRequest
    ) -> api_pb2.VolumeGetOrCreateResponse:
        # an existing volume keeps its version; the client compares and refuses
        version = request.version or api_pb2.VOLUME_FS_VERSION_V1
        volume, _ = self._objects.get_or_create(
            request.deployment_name,
            request.environment_name,
            request.object_creation_type,
            {"version": version},
        )
        return api_pb2.VolumeGetOrCreateResponse(
            volume_id=volume.id, version=volume.facts["version"], metadata=_metadata(volume)
        )

    async def VolumeGetById(self, request: api_pb2.VolumeGetByIdRequest) -> api_pb2.VolumeGetByIdResponse:
        volume = self._objects.by_id(request.volume_id)
        return api_pb2.VolumeGetByIdResponse(volume_id=volume.id, metadata=_metadata(volume))

    async def VolumeList(self, request: api_pb2.VolumeListRequest) -> api_pb2.VolumeListResponse:
        items = [
            api_pb2.VolumeListItem(
                label=v.name, volume_id=v.id, created_at=v.created_at, metadata=_metadata(v)
            )
            for v in self._objects.page(request.environment_name, request.pagination)
        ]
        environment = request.environment_name or DEFAULT_ENVIRONMENT
        return api_pb2.VolumeListResponse(items=items, environment_name=environment)

    async def VolumeHeartbeat(self, request: api_pb2.VolumeHeartbeatRequest) -> Empty:
        self._objects.heartbeat(request.volume_id)
        return Empty()

    async def VolumeRename(self, request: api_pb2.VolumeRenameRequest) -> Empty:
        self._objects.rename(request.volume_id, request.name)
        return Empty()

    async def VolumeDelete(self, request: api_pb2.VolumeDeleteRequest) -> Empty:
        files = self.files(request.volume_id)

        def drop() -> None:
            with files.lock:
                self._objects.drop(request.volume_id)

        await asyncio.to_thread(drop)
        return Empty()

    # uploads

    async def VolumePutFiles2(
        self, request: api_pb2.VolumePutFiles2Request
    ) -> api_pb2.VolumePutFiles2Response:
        return await asyncio.to_thread(self._put_files_2, request)

    def _put_files_2(self, request: api_pb2.VolumePutFiles2Request) -> api_pb2.VolumePutFiles2Response:
        files = self.files(request.volume_id)
        paths = [file.path for file in request.files]
        missing: dict[bytes, api_pb2.VolumePutFiles2Response.MissingBlock] = {}
        with files.lock, self._uploading:
            files.check_upload(paths, overwrite=not request.disallow_overwrite_existing_files)
            for file_index, file in enumerate(request.files):
                for block_index, block in enumerate(file.blocks):
                    digest = block.contents_sha256
                    if digest not in missing and not self._blocks.has(digest):
                        url = f"{self._base_url()}/volume-blocks/{digest.hex()}"
                        missing[digest] = api_pb2.VolumePutFiles2Response.MissingBlock(
                            file_index=file_index, block_index=block_index, put_url=url
                        )
            if not missing:
                for file in request.files:
                    self._put_file_2(files, file)
        return api_pb2.VolumePutFiles2Response(missing_blocks=missing.values())

    def _put_file_2(self, files: VolumeFiles, file: api_pb2.VolumePutFiles2Request.File) -> None:
        if len(file.blocks) != -(file.size // -BLOCK_SIZE):
            raise GRPCError(
                Status.INVALID_ARGUMENT, f"'{file.path}': its size needs another number of blocks"
            )
        with files.replacing(file.path, file.mode or 0o644) as temporary:
            self._blocks.write_file(file, temporary)
        self._blocks.moved(file, files.place(file.path))

    async def VolumePutFiles(self, request: api_pb2.VolumePutFilesRequest) -> Empty:
        await asyncio.to_thread(self._put_files, request)
        return Empty()

    def _put_files(self, request: api_pb2.VolumePutFilesRequest) -> None:
        files = self.files(request.volume_id)
        sources = [self._contents.existing(file.sha256_hex) for file in request.files]
        with files.lock:
            paths = [file.filename for file in request.files]
            files.check_upload(paths, overwrite=not request.disallow_overwrite_existing_files)
            for file, source in zip(request.files, sources, strict=True):
                with files.replacing(file.filename, file.mode or 0o644) as temporary:
                    copy_file(source, temporary)

    # listing and reading

    async def VolumeListFiles(
        self, request: api_pb2.VolumeListFilesRequest
    ) -> AsyncIterator[api_pb2.VolumeListFilesResponse]:
        async for entries in self._listed(request):
            yield api_pb2.VolumeListFilesResponse(entries=entries)

    async def VolumeListFiles2(
        self, request: api_pb2.VolumeListFiles2Request
    ) -> AsyncIterator[api_pb2.VolumeListFiles2Response]:
        async for entries in self._listed(request):
            yield api_pb2.VolumeListFiles2Response(entries=entries)

    async def _listed(
        self, request: api_pb2.VolumeListFilesRequest | api_pb2.VolumeListFiles2Request
    ) -> AsyncIterator[list[api_pb2.FileEntry]]:
        entries = self.files(request.volume_id).entries(request.path, request.recursive)
        if request.HasField("max_entries"):
            entries = islice(entries, request.max_entries)
        while batch := await asyncio.to_thread(lambda: list(islice(entries, _ENTRIES_A_MESSAGE))):
            yield batch

    async def VolumeGetFile2(self, request: api_pb2.VolumeGetFile2Request) -> api_pb2.VolumeGetFile2Response:
        file = self.files(request.volume_id).readable(request.path)
        version, size = self._downloads.keep(file)
        start, length = _range(request, size)
        urls = []
        position = start
        while position < start + length:
            block_end = min(start + length, (position // BLOCK_SIZE + 1) * BLOCK_SIZE)
            urls.append(f"{self._base_url()}/volume-files/{version}/{position}/{block_end - position}")
            position = block_end
        return api_pb2.VolumeGetFile2Response(get_urls=urls, size=size, start=start, len=length)

    async def VolumeGetFile(self, request: api_pb2.VolumeGetFileRequest) -> api_pb2.VolumeGetFileResponse:
        return await asyncio.to_thread(self._get_file, request)

    def _get_file(self, request: api_pb2.VolumeGetFileRequest) -> api_pb2.VolumeGetFileResponse:
        with self.files(request.volume_id).readable(request.path).open("rb") as file:
            size = file.seek(0, 2)
            start, length = _range(request, size)
            file.seek(start)
            data = file.read(length)
        about = api_pb2.VolumeGetFileResponse(size=size, start=start, len=length)
        if length > _INLINE_LIMIT:
            about.data_blob_id = self._blobs.write(data)
        else:
            about.data = data
        return about

    # changes

    async def VolumeRemoveFile(self, request: api_pb2.VolumeRemoveFileRequest) -> Empty:
        return await self._remove(request)

    async def VolumeRemoveFile2(self, request: api_pb2.VolumeRemoveFile2Request) -> Empty:
        return await self._remove(request)

    async def _remove(
        self, request: api_pb2.VolumeRemoveFileRequest | api_pb2.VolumeRemoveFile2Request
    ) -> Empty:
        files = self.files(request.volume_id)
        await asyncio.to_thread(files.remove, request.path, request.recursive)
        return Empty()

    async def VolumeCopyFiles(self, request: api_pb2.VolumeCopyFilesRequest) -> Empty:
        return await self._copy(request)

    async def VolumeCopyFiles2(self, request: api_pb2.VolumeCopyFiles2Request) -> Empty:
        return await self._copy(request)

    async def _copy(self, request: api_pb2.VolumeCopyFilesRequest | api_pb2.VolumeCopyFiles2Request) -> Empty:
        files = self.files(request.volume_id)
        await asyncio.to_thread(files.copy, list(request.src_paths), request.dst_path, request.recursive)
        return Empty()


def _metadata(volume: NamedObject) -> api_pb2.VolumeMetadata:
    return api_pb2.VolumeMetadata(
        version=volume.facts["version"], name=volume.name, creation_info=volume.creation_info
    )


def _range(
    request: api_pb2.VolumeGetFileRequest | api_pb2.VolumeGetFile2Request, size: int
) -> tuple[int, int]:
    """Return start and length inside the file; a length of 0 means up to its end."""
    start = min(request.start, size)
    return start, min(request.len or size, size - start)
