"""Files by HTTP: a request's body into a file, a range of a file into a response."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from aiohttp import web


async def receive_into(request: web.Request, target: Path, *watch: Callable[[bytes], None]) -> int:
    """Write a request's body to `target`, show every chunk to the watchers (hashes), return the size."""
    size = 0
    with target.open("wb") as file:
        async for chunk in request.content.iter_any():
            file.write(chunk)
            size += len(chunk)
            for see in watch:
                see(chunk)
    return size


async def send_range(request: web.Request, path: Path, offset: int, length: int) -> web.StreamResponse:
    """Answer with `length` bytes of the file from `offset` on, without copying them through this process."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise web.HTTPNotFound(text=f"nothing is stored under {request.path}") from None
    response = web.StreamResponse()
    response.content_type = "application/octet-stream"
    response.content_length = length
    with file:
        await response.prepare(request)
        if length and request.method != "HEAD":
            if request.transport is None:
                raise ConnectionResetError("the client is gone")
            await asyncio.get_running_loop().sendfile(request.transport, file, offset, length)
    await response.write_eof()
    return response
