"""HTTP routes under /control/, by which a test looks at the server and plans faults."""

from __future__ import annotations

import signal
from typing import Any

from aiohttp import web

from .faults import Faults
from .scheduling import Scheduler
from .world import Call, Task, World


class Control:
    """The routes; all answer JSON."""

    def __init__(self, world: World, scheduler: Scheduler, faults: Faults) -> None:
        self._world = world
        self._scheduler = scheduler
        self._faults = faults

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get("/control/tasks", self._tasks)
        app.router.add_get("/control/calls", self._calls)
        app.router.add_get("/control/apps", self._apps)
        app.router.add_get("/control/logs", self._logs)
        app.router.add_post("/control/preempt", self._preempt)
        app.router.add_post("/control/kill", self._kill)
        app.router.add_post("/control/refuse", self._refuse)
        app.router.add_post("/control/delay", self._delay)
        app.router.add_post("/control/reject-token", self._reject_token)
        app.router.add_post("/control/capacity", self._capacity)
        app.router.add_delete("/control/faults", self._clear)

    async def _tasks(self, request: web.Request) -> web.Response:
        return web.json_response([_task(task) for task in self._world.tasks.values()])

    async def _calls(self, request: web.Request) -> web.Response:
        return web.json_response([_call(call) for call in self._world.calls.values()])

    async def _apps(self, request: web.Request) -> web.Response:
        apps = [
            {"id": a.id, "name": a.name, "description": a.description, "state": a.state, "tags": a.tags}
            for a in self._world.apps.values()
        ]
        return web.json_response(apps)

    async def _logs(self, request: web.Request) -> web.Response:
        app = self._world.apps.get(request.query["app"])
        if app is None:
            raise web.HTTPNotFound(text=f"no app {request.query['app']}")
        return web.json_response("".join(entry.data for entry in app.logs.entries))

    def _task_of(self, request: web.Request) -> Task:
        task = self._world.tasks.get(request.query["task"])
        if task is None:
            raise web.HTTPNotFound(text=f"no task {request.query['task']}")
        return task

    async def _preempt(self, request: web.Request) -> web.Response:
        task = self._task_of(request)
        self._scheduler.preempt(task)
        return web.json_response(_task(task))

    async def _kill(self, request: web.Request) -> web.Response:
        task = self._task_of(request)
        self._scheduler.send_signal(task, signal.SIGKILL)
        return web.json_response(_task(task))

    async def _refuse(self, request: web.Request) -> web.Response:
        status = request.query.get("status", "UNAVAILABLE")
        self._faults.refuse(request.query["rpc"], status, int(request.query.get("times", 1)))
        return web.json_response({})

    async def _delay(self, request: web.Request) -> web.Response:
        seconds = float(request.query["seconds"])
        self._faults.delay(request.query["rpc"], seconds, int(request.query.get("times", 1)))
        return web.json_response({})

    async def _reject_token(self, request: web.Request) -> web.Response:
        self._faults.reject_token = True
        return web.json_response({})

    async def _capacity(self, request: web.Request) -> web.Response:
        self._faults.capacity = int(request.query["containers"])
        self._scheduler.dispatch()
        return web.json_response({})

    async def _clear(self, request: web.Request) -> web.Response:
        self._faults.clear()
        self._scheduler.dispatch()
        return web.json_response({})


def _task(task: Task) -> dict[str, Any]:
    inputs = [*task.inputs.values(), *task.reserved]
    return {
        "id": task.id,
        "app": task.app.id,
        "function": task.function.name,
        "state": task.state,
        "pid": task.process.pid if task.process else None,
        "exit_code": task.exit_code,
        "preempted": task.preempted,
        "input": inputs[0].id if inputs else None,
        "call": inputs[0].call.id if inputs else None,
        "attempts": inputs[0].attempts if inputs else None,
    }


def _call(call: Call) -> dict[str, Any]:
    inputs = [
        {"id": i.id, "index": i.index, "state": i.state, "attempts": i.attempts, "failures": i.failures}
        for i in call.inputs
    ]
    function = call.function
    return {"id": call.id, "app": function.app.id, "function": function.name, "inputs": inputs}
