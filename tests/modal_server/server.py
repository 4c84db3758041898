"""Puts the rooms together: one gRPC server for clients, one socket a container, one HTTP server."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable
from typing import Any

from aiohttp import web
from google.protobuf import message_factory  # type: ignore[import-untyped]
from google.protobuf.descriptor import MethodDescriptor  # type: ignore[import-untyped]
from grpclib import GRPCError, Status
from grpclib.const import Cardinality, Handler
from grpclib.server import Server
from modal_proto import api_pb2

from .accounts import Accounts
from .apps import Apps
from .calls import Calls
from .containers import Containers
from .context import current_task
from .control import Control
from .faults import Faults
from .functions import Functions
from .images import Images
from .logs import Logs
from .namespace import private_view_works
from .processes import Processes
from .scheduling import Scheduler
from .storage import Storage
from .world import Options, Task, World

_HOST = "127.0.0.1"
_SERVICE = "modal.client.ModalClient"
_MAX_BODY = 1 << 30
_HEARTBEAT_CHECKS = 1.0  # seconds between two looks for clients that fell silent


class Service:
    """Every RPC of Modal's service, answered by the first room that has a method of its name."""

    def __init__(self, rooms: list[object], faults: Faults, task: Task | None = None) -> None:
        self._rooms = rooms
        self._faults = faults
        self._task = task

    def __mapping__(self) -> dict[str, Handler]:
        service = api_pb2.DESCRIPTOR.services_by_name["ModalClient"]
        return {f"/{_SERVICE}/{method.name}": self._handler(method) for method in service.methods}

    def _handler(self, method: MethodDescriptor) -> Handler:
        request_type = message_factory.GetMessageClass(method.input_type)
        reply_type = message_factory.GetMessageClass(method.output_type)
        answer = next(
            (getattr(room, method.name) for room in self._rooms if hasattr(room, method.name)), None
        )

        async def call(stream: Any) -> None:
            current_task.set(self._task.id if self._task else None)
            request = await stream.recv_message()
            await self._faults.apply(method.name, stream.metadata, from_container=self._task is not None)
            if answer is None:
                raise GRPCError(Status.UNIMPLEMENTED, f"The loopback server does not answer {method.name}")
            try:
                if method.server_streaming:
                    async for reply in answer(request):
                        await stream.send_message(reply)
                else:
                    reply = await answer(request)
                    await stream.send_message(reply_type() if reply is None else reply)
            except (GRPCError, asyncio.CancelledError, ConnectionError):
                raise
            except Exception as error:
                traceback.print_exc()
                raise GRPCError(
                    Status.INTERNAL, f"{method.name} in the loopback server: {error!r}"
                ) from error

        return Handler(call, _cardinality(method), request_type, reply_type)


def _cardinality(method: MethodDescriptor) -> Cardinality:
    return {
        (False, False): Cardinality.UNARY_UNARY,
        (False, True): Cardinality.UNARY_STREAM,
        (True, False): Cardinality.STREAM_UNARY,
        (True, True): Cardinality.STREAM_STREAM,
    }[method.client_streaming, method.server_streaming]


class LoopbackModal:
    """The whole server: `start`, then `close`."""

    def __init__(self, options: Options) -> None:
        self.private_views = not options.shared_view and private_view_works()
        self.faults = Faults()
        self.world = World(options, Storage(options.folder / "storage", lambda: self.http_url))
        self.scheduler = Scheduler(self.world, self.faults)
        images = Images(self.world, self.private_views)
        processes = Processes(self.world, self.scheduler, images, self.private_views)
        processes.serve_task = self._serve_task
        self.scheduler.run_container = processes.run
        self.scheduler.send_signal = processes.send_signal
        self._apps = Apps(self.world, self.scheduler)
        self._rooms: list[object] = [
            Accounts(),
            self._apps,
            Functions(self.world, self.scheduler),
            Calls(self.world, self.scheduler),
            Containers(self.world, self.scheduler, processes),
            Logs(self.world),
            images,
            *self.world.storage.handlers,
        ]
        self._server = Server([Service(self._rooms, self.faults)])
        self._background: list[asyncio.Task[None]] = []
        self.grpc_url = self.http_url = ""

    def _serve_task(self, task: Task) -> Server:
        return Server([Service(self._rooms, self.faults, task)])

    async def start(self, port: int) -> None:
        """Listen on `port` for gRPC, and on any free one for HTTP."""
        app = web.Application(client_max_size=_MAX_BODY)
        self.world.storage.add_routes(app)
        Control(self.world, self.scheduler, self.faults).add_routes(app)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, _HOST, 0)
        await site.start()
        self.http_url = f"http://{_HOST}:{self._runner.addresses[0][1]}"
        await self._server.start(_HOST, port)
        self.grpc_url = f"http://{_HOST}:{_port_of(self._server)}"
        self._background.append(asyncio.create_task(self._watch(self._apps.check_heartbeats)))

    async def _watch(self, look: Callable[[], None]) -> None:
        while True:
            await asyncio.sleep(_HEARTBEAT_CHECKS)
            look()

    async def close(self) -> None:
        """End all containers, then stop to listen."""
        for task in self._background:
            task.cancel()
        await self.scheduler.end_everything()
        self._server.close()
        await self._runner.cleanup()


def _port_of(server: Server) -> int:
    listener = server._server  # grpclib tells the port nowhere else
    assert isinstance(listener, asyncio.Server)
    return int(listener.sockets[0].getsockname()[1])
