"""Blobs: what is too large for an RPC (arguments, results, files of 4 MiB and more) goes and comes by HTTP.

Approximated: one store only, blobs never expire, addresses are not signed, and uploads in parts start at
64 MiB (Modal's client allows the server to ask for them at any size).
"""

import asyncio
import base64
import hashlib
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from aiohttp import web
from grpclib import GRPCError, Status
from modal_proto import api_pb2

from .copying import copy_range
from .file_transfer import receive_into, send_range
from .named_objects import new_id, write_atomically

_PARTS_FROM = 64 * 1024 * 1024
_PART_LENGTH = 32 * 1024 * 1024
_ID = re.compile(r"bl-[A-Za-z0-9]{22}")


class Blobs:
    """Blobs as files `<folder>/<id>`; an unfinished upload lies in `<id>.parts` or `<id>.part`."""

    def __init__(self, folder: Path, base_url: Callable[[], str]) -> None:
        self._folder = folder
        self._base_url = base_url
        self._md5_wanted: dict[str, str] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def add_routes(self, app: web.Application) -> None:
        address = "/blobs/{blob_id:bl-[A-Za-z0-9]+}"
        app.router.add_put(address, self._put)
        app.router.add_get(address, self._get)
        app.router.add_put(address + "/parts/{number:[0-9]+}", self._put_part)
        app.router.add_post(address + "/complete", self._complete)

    def place(self, blob_id: str) -> Path:
        """Return the file of a blob that is wholly there."""
        place = self._folder / blob_id
        if not _ID.fullmatch(blob_id) or not place.exists():
            raise GRPCError(Status.NOT_FOUND, f"Blob {blob_id} not found")
        return place

    def read(self, blob_id: str) -> bytes:
        return self.place(blob_id).read_bytes()

    def write(self, data: bytes) -> str:
        blob_id = new_id("bl")
        write_atomically(self._folder / blob_id, data)
        return blob_id

    async def BlobCreate(self, request: api_pb2.BlobCreateRequest) -> api_pb2.BlobCreateResponse:
        blob_id = new_id("bl")
        address = f"{self._base_url()}/blobs/{blob_id}"
        if request.content_length < _PARTS_FROM:
            self._md5_wanted[blob_id] = base64.b64decode(request.content_md5).hex()
            return api_pb2.BlobCreateResponse(
                blob_id=blob_id,
                upload_url=address,
                blob_ids=[blob_id],
                upload_urls=api_pb2.UploadUrlList(items=[address]),
            )
        (self._folder / f"{blob_id}.parts").mkdir()
        count = -(request.content_length // -_PART_LENGTH)
        parts = api_pb2.MultiPartUpload(
            part_length=_PART_LENGTH,
            upload_urls=[f"{address}/parts/{number}" for number in range(1, count + 1)],
            completion_url=f"{address}/complete",
        )
        return api_pb2.BlobCreateResponse(
            blob_id=blob_id,
            multipart=parts,
            blob_ids=[blob_id],
            multiparts=api_pb2.MultiPartUploadList(items=[parts]),
        )

    async def BlobGet(self, request: api_pb2.BlobGetRequest) -> api_pb2.BlobGetResponse:
        self.place(request.blob_id)
        return api_pb2.BlobGetResponse(download_url=f"{self._base_url()}/blobs/{request.blob_id}")

    async def _get(self, request: web.Request) -> web.StreamResponse:
        place = self._folder / request.match_info["blob_id"]
        return await send_range(request, place, 0, place.stat().st_size if place.exists() else 0)

    async def _put(self, request: web.Request) -> web.Response:
        blob_id = request.match_info["blob_id"]
        arriving = self._folder / f"{blob_id}.part"
        md5 = hashlib.md5(usedforsecurity=False)
        await receive_into(request, arriving, md5.update)
        if self._md5_wanted.get(blob_id, md5.hexdigest()) != md5.hexdigest():
            raise web.HTTPBadRequest(text="The Content-MD5 you specified did not match what we received.")
        arriving.replace(self._folder / blob_id)
        self._md5_wanted.pop(blob_id, None)
        return web.Response(headers={"ETag": f'"{md5.hexdigest()}"'})

    async def _put_part(self, request: web.Request) -> web.Response:
        parts = self._folder / f"{request.match_info['blob_id']}.parts"
        if not parts.is_dir():
            raise web.HTTPNotFound(text="no upload in parts is under way here")
        md5 = hashlib.md5(usedforsecurity=False)
        arriving = parts / f"{request.match_info['number']}.arriving"
        await receive_into(request, arriving, md5.update)
        arriving.replace(parts / f"{request.match_info['number']}.{md5.hexdigest()}")
        return web.Response(headers={"ETag": f'"{md5.hexdigest()}"'})

    async def _complete(self, request: web.Request) -> web.Response:
        named = re.findall(
            r'<PartNumber>(\d+)</PartNumber>\s*<ETag>"([0-9a-f]{32})"</ETag>', await request.text()
        )
        blob_id = request.match_info["blob_id"]
        parts = self._folder / f"{blob_id}.parts"
        sources = [parts / f"{number}.{md5}" for number, md5 in sorted(named, key=lambda part: int(part[0]))]
        if not sources or not all(source.exists() for source in sources):
            raise web.HTTPBadRequest(text="a part is missing or is not what its ETag says")
        await asyncio.to_thread(_join, sources, self._folder / f"{blob_id}.part")
        (self._folder / f"{blob_id}.part").replace(self._folder / blob_id)
        shutil.rmtree(parts)
        joined = hashlib.md5(b"".join(bytes.fromhex(s.suffix[1:]) for s in sources), usedforsecurity=False)
        return web.Response(text=f"<ETag>{joined.hexdigest()}-{len(sources)}</ETag>", content_type="text/xml")


def _join(sources: list[Path], target: Path) -> None:
    with target.open("wb") as writing:
        offset = 0
        for source in sources:
            with source.open("rb") as reading:
                length = source.stat().st_size
                copy_range(reading, 0, writing, offset, length)
            offset += length
