"""What a container asks while it runs, each over a socket of its own; and what others ask about containers."""

from __future__ import annotations

import time
from typing import Any

from grpclib import GRPCError, Status
from modal_proto import api_pb2

from .accounts import DEFAULT_ENVIRONMENT
from .context import current_task
from .processes import Processes
from .scheduling import Scheduler
from .world import Task, World

# the client's heartbeat gives up after 15.1 s, and starts the next one 15 s after the last
_HEARTBEAT_SECONDS = 14.0


class Containers:
    """RPCs from containers and about them."""

    def __init__(self, world: World, scheduler: Scheduler, processes: Processes) -> None:
        self._world = world
        self._scheduler = scheduler
        self._processes = processes

    def _caller(self) -> Task:
        task_id = current_task.get()
        if task_id is None:
            raise GRPCError(Status.FAILED_PRECONDITION, "Only a container may call this")
        return self._world.task(task_id)

    async def ContainerHello(self, request: Any) -> None:
        self._caller().started_at = time.time()

    async def ContainerHeartbeat(
        self, request: api_pb2.ContainerHeartbeatRequest
    ) -> api_pb2.ContainerHeartbeatResponse:
        task = self._caller()
        deadline = time.monotonic() + _HEARTBEAT_SECONDS
        while not task.cancels and (left := deadline - time.monotonic()) > 0:
            await task.changed.wait(left)
        if not task.cancels:
            return api_pb2.ContainerHeartbeatResponse()
        event = api_pb2.CancelInputEvent(input_ids=task.cancels)
        task.cancels = []
        return api_pb2.ContainerHeartbeatResponse(cancel_input_event=event)

    async def FunctionGetInputs(
        self, request: api_pb2.FunctionGetInputsRequest
    ) -> api_pb2.FunctionGetInputsResponse:
        fetched = await self._scheduler.fetch(self._caller())
        if fetched is None:
            item = api_pb2.FunctionGetInputsItem(kill_switch=True)
        else:
            item = api_pb2.FunctionGetInputsItem(
                input_id=fetched.id,
                input=fetched.payload,
                function_call_id=fetched.call.id,
                function_call_invocation_type=fetched.call.invocation,
                retry_count=fetched.failures,
            )
        return api_pb2.FunctionGetInputsResponse(inputs=[item])

    async def FunctionPutOutputs(self, request: api_pb2.FunctionPutOutputsRequest) -> None:
        for item in request.outputs:
            self._scheduler.output(self._caller(), item)

    async def TaskResult(self, request: api_pb2.TaskResultRequest) -> None:
        self._caller().failure = request.result

    async def VolumeCommit(self, request: api_pb2.VolumeCommitRequest) -> api_pb2.VolumeCommitResponse:
        task = self._caller()
        self._check_mounted(task, request.volume_id)
        await self._processes.commit(task, request.volume_id)
        return api_pb2.VolumeCommitResponse(skip_reload=True)

    async def VolumeReload(self, request: api_pb2.VolumeReloadRequest) -> None:
        task = self._caller()
        self._check_mounted(task, request.volume_id)
        await self._processes.reload(task, request.volume_id)

    def _check_mounted(self, task: Task, volume_id: str) -> None:
        if volume_id not in task.views:
            raise GRPCError(Status.NOT_FOUND, f"Volume {volume_id!r} is not mounted in container {task.id}")

    async def ContainerStop(self, request: api_pb2.ContainerStopRequest) -> api_pb2.ContainerStopResponse:
        task = self._world.task(request.task_id)
        if request.graceful:
            task.draining = True
            task.changed.notify()
        else:
            self._scheduler.preempt(task)
        return api_pb2.ContainerStopResponse()

    async def TaskList(self, request: api_pb2.TaskListRequest) -> api_pb2.TaskListResponse:
        environment = request.environment_name or DEFAULT_ENVIRONMENT
        tasks = [
            task
            for task in self._world.tasks.values()
            if task.alive
            and (task.app.id == request.app_id if request.app_id else task.app.environment == environment)
        ]
        return api_pb2.TaskListResponse(
            tasks=[
                api_pb2.TaskStats(
                    task_id=task.id,
                    app_id=task.app.id,
                    app_description=task.app.name or task.app.description,
                    started_at=task.started_at,
                    enqueued_at=task.enqueued_at,
                )
                for task in tasks
            ]
        )

    async def TaskGetInfo(self, request: api_pb2.TaskGetInfoRequest) -> api_pb2.TaskGetInfoResponse:
        task = self._world.task(request.task_id)
        return api_pb2.TaskGetInfoResponse(
            app_id=task.app.id,
            info=api_pb2.TaskInfo(
                id=task.id,
                started_at=task.started_at,
                finished_at=task.finished_at,
                enqueued_at=task.enqueued_at,
                gpu_type=task.function.definition.resources.gpu_config.gpu_type,
            ),
        )

    async def FunctionGetDynamicConcurrency(
        self, request: api_pb2.FunctionGetDynamicConcurrencyRequest
    ) -> api_pb2.FunctionGetDynamicConcurrencyResponse:
        return api_pb2.FunctionGetDynamicConcurrencyResponse(concurrency=request.target_concurrency or 1)
