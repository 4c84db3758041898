"""One container as a process: its view of the file system, its environment, its output, its end.

Approximated: no limits on CPU and memory; a GPU that a function did not ask for is hidden, none is ever added.
"""

from __future__ import annotations

import asyncio
import codecs
import os
import shutil
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

from grpclib import GRPCError
from grpclib.server import Server
from modal_proto import api_pb2

from .apps import app_layout
from .image_build import CLIENT_VARIABLE
from .images import Images
from .namespace import HOME, PRIVATE, NoPrivateView, View
from .scheduling import Scheduler
from .world import Function, Result, Task, World

_ENTRY_POINT = ["-m", "modal._container_entrypoint"]
_SOCKET, _ARGUMENTS = PRIVATE / "worker.sock", PRIVATE / "container_arguments.bin"
_FROM_SERVER = ("OMP_NUM_THREADS",)
_LONGEST_FOLDER = 70  # a Unix socket's path has room for 108 characters, and its name takes 31
_OUTPUT_AFTER_END = 2.0  # seconds that a grandchild may hold the pipes open


class Processes:
    """Starts containers and sees them to their end."""

    def __init__(self, world: World, scheduler: Scheduler, images: Images, private_views: bool) -> None:
        self._world = world
        self._scheduler = scheduler
        self._images = images
        self._private_views = private_views
        self._folder = world.options.folder / "tasks"
        shutil.rmtree(self._folder, ignore_errors=True)  # left by a killed server
        self._sockets = world.options.folder / "sockets"
        if len(str(self._sockets)) > _LONGEST_FOLDER:
            self._sockets = Path(tempfile.mkdtemp(prefix="modal-"))
        shutil.rmtree(self._sockets, ignore_errors=True)
        self._sockets.mkdir(parents=True)
        self.serve_task: Callable[[Task], Server]  # set by server.py

    async def run(self, task: Task) -> None:
        """Run a container from its start to its end, whatever happens in between."""
        view = View(self._folder / task.id, self._private_views)
        server = self.serve_task(task)
        socket = self._sockets / f"{task.id}.sock"
        try:
            await server.start(path=str(socket))
            arguments = await self._arguments(task.function, task.id)
            plan = await asyncio.to_thread(self._prepare, task, view, socket, arguments)
            await self._live(task, plan)
        except (GRPCError, NoPrivateView, OSError) as error:
            text = f"Container {task.id} could not start: {error}"
            self.log(task, text + "\n")
            task.failure = Result(status=Result.GENERIC_STATUS_FAILURE, exception=text)
        finally:
            server.close()
            self._scheduler.task_ended(task)
            await asyncio.to_thread(view.close)
            socket.unlink(missing_ok=True)

    def _prepare(
        self, task: Task, view: View, socket: Path, arguments: api_pb2.ContainerArguments
    ) -> list[str]:
        """Lay out the container's file system and return the command that starts it."""
        definition = task.function.definition
        image = self._images.built(definition.image_id)
        image.furnish(view)
        view.show(self._images.client)
        if self._world.options.outside:
            view.show(self._world.options.outside)
        for mount_id in definition.mount_ids:
            for file in self._world.storage.mount_files(mount_id):
                if file.path.parts[:2] != ("/", "pkg"):  # the client is there already
                    view.add_file(file.path, file.source, file.mode)
        for mount in definition.volume_mounts:
            self._mount_volume(task, view, mount)
        place = view.make_folder(PRIVATE) / _ARGUMENTS.name
        place.write_bytes(arguments.SerializeToString())
        env = self._environment(task, view, image.variables())
        env["MODAL_SERVER_URL"] = f"unix://{view.bind(socket, _SOCKET)}"
        return view.plan([str(image.python), *_ENTRY_POINT], env, PurePosixPath(image.workdir))

    def _mount_volume(self, task: Task, view: View, mount: api_pb2.VolumeMount) -> None:
        real = PRIVATE / "volumes" / mount.volume_id
        if mount.volume_id not in task.views:
            opened = self._world.storage.open_view(mount.volume_id, view.inside(real))
            task.views[mount.volume_id] = opened
        if mount.read_only:
            task.read_only.add(mount.volume_id)
        view.link(PurePosixPath(mount.mount_path), real / mount.sub_path.lstrip("/"))

    def _environment(self, task: Task, view: View, image: dict[str, str]) -> dict[str, str]:
        definition = task.function.definition
        env = {**image, **{name: os.environ[name] for name in _FROM_SERVER if name in os.environ}}
        if not definition.resources.gpu_config.count:
            env["CUDA_VISIBLE_DEVICES"] = ""
        if self._world.options.outside:
            env["LOOPBACK_OUTSIDE"] = str(self._world.options.outside)
        for secret_id in definition.secret_ids:
            env.update(self._world.storage.secret_values(secret_id))
        return {
            **env,
            CLIENT_VARIABLE: str(self._images.client),
            "HOME": view.seen(HOME),
            "PYTHONPATH": ":".join(filter(None, [view.seen(HOME), env.get("PYTHONPATH")])),
            "PYTHONUNBUFFERED": "1",
            "MODAL_IS_REMOTE": "1",
            "MODAL_TASK_ID": task.id,
            "MODAL_IMAGE_ID": definition.image_id,
            "MODAL_ENVIRONMENT": task.app.environment,
            "MODAL_CLOUD_PROVIDER": "CLOUD_PROVIDER_LOOPBACK",
            "MODAL_REGION": "loopback",
            "MODAL_CONTAINER_ARGUMENTS_PATH": view.seen(_ARGUMENTS),
        }

    async def _arguments(self, function: Function, task_id: str) -> api_pb2.ContainerArguments:
        layout = app_layout(self._world, function.app)
        for dependency in function.definition.object_dependencies:
            if dependency.object_id not in {known.object_id for known in layout.objects}:
                layout.objects.append(await self._handle(dependency.object_id))
        return api_pb2.ContainerArguments(
            task_id=task_id,
            function_id=function.id,
            app_id=function.app.id,
            function_def=function.definition,
            serialized_params=function.serialized_params,
            environment_name=function.app.environment,
            app_layout=layout,
        )

    async def _handle(self, object_id: str) -> api_pb2.Object:
        """Describe something that a function depends on; only volumes have more to tell than their id."""
        if not object_id.startswith("vo-"):
            return api_pb2.Object(object_id=object_id)
        volumes: Any = next(room for room in self._world.storage.handlers if hasattr(room, "VolumeGetById"))
        about = await volumes.VolumeGetById(api_pb2.VolumeGetByIdRequest(volume_id=object_id))
        return api_pb2.Object(object_id=object_id, volume_metadata=about.metadata)

    async def _live(self, task: Task, plan: list[str]) -> None:
        if task.draining:
            return
        process = await asyncio.create_subprocess_exec(
            *plan,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        task.process = process
        committing = asyncio.create_task(self._commit_now_and_then(task))
        assert process.stdout is not None
        assert process.stderr is not None
        output = [
            asyncio.create_task(self._pump(task, process.stdout, api_pb2.FILE_DESCRIPTOR_STDOUT)),
            asyncio.create_task(self._pump(task, process.stderr, api_pb2.FILE_DESCRIPTOR_STDERR)),
        ]
        task.exit_code = await process.wait()
        committing.cancel()
        _kill_group(process.pid)  # what the container leaves running ends with it
        await asyncio.wait(output, timeout=_OUTPUT_AFTER_END)
        for pump in output:
            pump.cancel()
        if task.exit_code:
            self.log(task, f"Runner failed with exit code: {task.exit_code}\n")

    async def _pump(self, task: Task, stream: asyncio.StreamReader, descriptor: int) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        while chunk := await stream.read(65536):
            for line in decoder.decode(chunk).splitlines(keepends=True):
                self.log(task, line, descriptor)

    def log(self, task: Task, text: str, descriptor: int = api_pb2.FILE_DESCRIPTOR_INFO) -> None:
        """Add to the app's log, with what the container works on."""
        current = next(iter(task.inputs.values()), None)
        task.app.logs.add(
            text,
            descriptor,
            task_id=task.id,
            function_id=task.function.id,
            root_function_id=task.function.root.id,
            call_id=current.call.id if current else "",
            input_id=current.id if current else "",
        )

    async def _commit_now_and_then(self, task: Task) -> None:
        """Publish what is in the volumes every so often, finished or not, as Modal does."""
        seconds = self._world.options.background_commits
        while seconds:
            await asyncio.sleep(seconds)
            for volume_id in list(task.views):
                await self.commit(task, volume_id)

    async def commit(self, task: Task, volume_id: str) -> None:
        """Publish a container's changes to a volume; commits and reloads of one container take turns."""
        if volume_id not in task.read_only:
            async with task.view_lock:
                await asyncio.to_thread(task.views[volume_id].commit)

    async def reload(self, task: Task, volume_id: str) -> None:
        """Bring what others have published into a container."""
        async with task.view_lock:
            await asyncio.to_thread(task.views[volume_id].reload)

    def send_signal(self, task: Task, number: int) -> None:
        """Signal a container's main process; SIGKILL goes to all its processes."""
        if task.process is None or task.process.returncode is not None:
            return
        if number == signal.SIGKILL:
            _kill_group(task.process.pid)
        else:
            task.process.send_signal(number)


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
