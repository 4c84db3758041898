"""Images: a layer is looked up by what it was built from, or built while its log streams to the client.

Approximated: `force_build` is ignored; `Image.run_function` and images not from `python:` are refused.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import platform
import shutil
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from grpclib import GRPCError, Status
from modal_proto import api_pb2

from .accounts import IMAGE_BUILDER_VERSION
from .client_packages import client_folder
from .context import Changed, id_from_hash
from .image_build import BuildFailure, ImageRecord, Layer
from .pip_requests import local_torch

if TYPE_CHECKING:
    from .world import World

_FORMAT = "3"  # raised when the same commands are built differently
Result = api_pb2.GenericResult


@dataclass
class _Build:
    """One build: its log so far, and its result once there is one."""

    lines: list[api_pb2.TaskLogs] = field(default_factory=list)
    result: Result | None = None
    changed: Changed = field(default_factory=Changed)

    def say(self, text: str) -> None:
        line = api_pb2.TaskLogs(
            data=text, timestamp=time.time(), file_descriptor=api_pb2.FILE_DESCRIPTOR_STDOUT
        )
        self.lines.append(line)
        self.changed.notify()


class Images:
    """RPCs about images, and the built ones for whoever starts containers."""

    def __init__(self, world: World, private_views: bool) -> None:
        self._world = world
        self._private_views = private_views
        self._folder = world.options.image_cache / "images"
        self._client = client_folder(world.options.image_cache)
        self._builds: dict[str, _Build] = {}
        self._running: set[asyncio.Task[None]] = set()

    @property
    def client(self) -> Path:
        return self._client

    def built(self, image_id: str) -> ImageRecord:
        """Return what a finished image consists of."""
        try:
            record = json.loads((self._folder / image_id / "image.json").read_text())
        except FileNotFoundError:
            raise GRPCError(Status.NOT_FOUND, f"Image {image_id!r} not found") from None
        return ImageRecord(**record)

    def _is_built(self, image_id: str) -> bool:
        return (self._folder / image_id / "image.json").exists()

    async def ImageGetOrCreate(
        self, request: api_pb2.ImageGetOrCreateRequest
    ) -> api_pb2.ImageGetOrCreateResponse:
        if request.build_function_id:
            raise GRPCError(Status.UNIMPLEMENTED, "The loopback server builds no image by Image.run_function")
        layer = self._layer(request.image)
        image_id = id_from_hash("im", layer.digest())
        if self._is_built(image_id):
            success = Result(status=Result.GENERIC_STATUS_SUCCESS)
            return api_pb2.ImageGetOrCreateResponse(image_id=image_id, result=success, metadata=_metadata())
        build = self._builds.get(image_id)
        if build is None or build.result is not None:
            self._builds[image_id] = build = _Build()
            running = asyncio.create_task(self._build(image_id, layer, build))
            self._running.add(running)
            running.add_done_callback(self._running.discard)
        return api_pb2.ImageGetOrCreateResponse(image_id=image_id)

    def _layer(self, image: api_pb2.Image) -> Layer:
        storage = self._world.storage
        context = {}
        if image.context_mount_id:
            context = {str(file.path): file.source for file in storage.mount_files(image.context_mount_id)}
        secrets: dict[str, str] = {}
        for secret_id in image.secret_ids:
            secrets.update(storage.secret_values(secret_id))
        parents = {base.docker_tag: (base.image_id, self.built(base.image_id)) for base in image.base_images}
        commands = list(image.dockerfile_commands)
        linked = local_torch() if any("torch" in command for command in commands) else ""
        return Layer(
            commands=commands,
            parents={tag: record for tag, (_, record) in parents.items()},
            context=context,
            context_files={file.filename: file.data for file in image.context_files},
            variables={**dict(image.build_args), **secrets},
            cache=self._world.options.image_cache,
            private=self._private_views,
            seed=[
                _FORMAT,
                sys.version,
                sys.base_prefix,
                linked,
                *(f"{tag}={image_id}" for tag, (image_id, _) in parents.items()),
            ],
        )

    async def _build(self, image_id: str, layer: Layer, build: _Build) -> None:
        folder = self._folder / image_id
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / f"{image_id}.lock").open("w") as lock:
            await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)  # another server may be at it
            try:
                if not self._is_built(image_id):
                    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
                    record = await layer.build(folder, build.say)
                    # a virtual environment cannot move, so the folder counts once this file is in it
                    half_done = folder / "image.json.new"
                    half_done.write_text(json.dumps(asdict(record)))
                    half_done.rename(folder / "image.json")
                build.result = Result(status=Result.GENERIC_STATUS_SUCCESS)
            except BuildFailure as failure:
                build.say(f"{failure}\n")
                build.result = Result(status=Result.GENERIC_STATUS_FAILURE, exception=str(failure))
            except Exception as error:  # noqa: BLE001 -- whatever it was, the client waits for a result
                build.result = Result(status=Result.GENERIC_STATUS_FAILURE, exception=repr(error))
        build.changed.notify()

    async def ImageJoinStreaming(
        self, request: api_pb2.ImageJoinStreamingRequest
    ) -> AsyncIterator[api_pb2.ImageJoinStreamingResponse]:
        build = self._builds.get(request.image_id)
        if build is None:
            self.built(request.image_id)
            build = _Build(result=Result(status=Result.GENERIC_STATUS_SUCCESS))
        seen = int(request.last_entry_id or 0)
        deadline = time.monotonic() + (request.timeout or 55)
        while (left := deadline - time.monotonic()) > 0:
            if seen < len(build.lines):
                fresh = build.lines[seen:]
                seen += len(fresh)
                yield api_pb2.ImageJoinStreamingResponse(task_logs=fresh, entry_id=str(seen))
            elif build.result is not None:
                yield api_pb2.ImageJoinStreamingResponse(
                    result=build.result, entry_id=str(seen), eof=True, metadata=_metadata()
                )
                return
            else:
                await build.changed.wait(left)

    async def ImageFromId(self, request: api_pb2.ImageFromIdRequest) -> api_pb2.ImageFromIdResponse:
        self.built(request.image_id)
        return api_pb2.ImageFromIdResponse(image_id=request.image_id, metadata=_metadata())


def _metadata() -> api_pb2.ImageMetadata:
    return api_pb2.ImageMetadata(
        python_version_info=f"Python {platform.python_version()}",
        image_builder_version=IMAGE_BUILDER_VERSION,
        workdir="/root",
    )
