"""What the server knows: apps, functions, calls, inputs and tasks. Kept in memory, lost when it ends."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from grpclib import GRPCError, Status
from modal_proto import api_pb2

from .context import Changed, EnumValue, new_id
from .logs import LogBook

if TYPE_CHECKING:
    from .storage import Storage, View

Result = api_pb2.GenericResult
T = TypeVar("T")


@dataclass
class Options:
    """What the server was started with."""

    folder: Path
    image_cache: Path
    background_commits: float | None = None
    missing_heartbeats: float = 60.0  # seconds until an app whose client fell silent counts as left
    grace: float = 30.0  # seconds between a polite signal and SIGKILL
    shared_view: bool = False  # containers share the host's file system even where they need not
    outside: Path | None = None  # a folder of the host that containers see, at its own path
    idle: float = 2.0  # seconds that a container without work lives; Modal: 60


@dataclass
class App:
    description: str
    environment: str
    state: EnumValue
    name: str = ""
    id: str = field(default_factory=lambda: new_id("ap"))
    tags: dict[str, str] = field(default_factory=dict)
    created_at: float = field(default_factory=time.time)
    deployed_at: float = 0.0
    stopped_at: float = 0.0
    stopped_by: str = ""
    version: int = 0
    function_ids: dict[str, str] = field(default_factory=dict)
    class_ids: dict[str, str] = field(default_factory=dict)
    logs: LogBook = field(default_factory=LogBook)
    last_heartbeat: float = field(default_factory=time.monotonic)

    @property
    def stopped(self) -> bool:
        return self.state in (api_pb2.APP_STATE_STOPPING, api_pb2.APP_STATE_STOPPED)


@dataclass
class Function:
    app: App
    definition: api_pb2.Function
    id: str = field(default_factory=lambda: new_id("fu"))
    base: Function | None = None  # of which this is a variant: with_options, or an instance of a class
    serialized_params: bytes = b""
    created: bool = False  # FunctionCreate was seen, not only FunctionPrecreate

    @property
    def root(self) -> Function:
        return self.base or self

    @property
    def name(self) -> str:
        return self.definition.function_name

    @property
    def max_containers(self) -> int | None:
        settings = self.definition.autoscaler_settings
        return settings.max_containers or self.definition.concurrency_limit or None


@dataclass
class Cls:
    app: App
    function: Function
    id: str = field(default_factory=lambda: new_id("cs"))


@dataclass
class Call:
    function: Function
    kind: EnumValue  # one input or a map
    invocation: EnumValue
    parent_input_id: str = ""
    complete: bool = False  # no more inputs will come
    id: str = field(default_factory=lambda: new_id("fc"))
    inputs: list[Input] = field(default_factory=list)
    outputs: list[Input] = field(default_factory=list)  # finished inputs, in the order they finished
    data_out: list[api_pb2.DataChunk] = field(default_factory=list)  # what a generator has yielded
    created_at: float = field(default_factory=time.time)
    changed: Changed = field(default_factory=Changed)

    @property
    def unfinished(self) -> int:
        return len(self.inputs) - len(self.outputs)


@dataclass
class Input:
    call: Call
    index: int
    payload: api_pb2.FunctionInput
    id: str = field(default_factory=lambda: new_id("in"))
    task: Task | None = None  # where it runs, or for which it waits while the container starts
    running: bool = False
    attempts: int = 0  # how often a container got it
    failures: int = 0  # how many of these count against the retry policy
    ready_at: float = 0.0
    started_at: float = 0.0
    ending: EnumValue = None  # the status it will have whatever the container says: TIMEOUT, TERMINATED
    ending_text: str = ""
    result: api_pb2.FunctionGetOutputsItem | None = None
    timers: list[asyncio.TimerHandle] = field(default_factory=list)

    @property
    def function(self) -> Function:
        return self.call.function

    @property
    def state(self) -> str:
        if self.result is not None:
            return (
                str(Result.GenericStatus.Name(self.result.result.status))
                .removeprefix("GENERIC_STATUS_")
                .lower()
            )
        if self.task is None:
            return "queued"
        return "running" if self.running else "starting"


@dataclass
class Task:
    function: Function
    id: str = field(default_factory=lambda: new_id("ta"))
    state: str = "starting"  # then running, idle, finished
    inputs: dict[str, Input] = field(default_factory=dict)  # what it works on, or was started for
    reserved: list[Input] = field(default_factory=list)  # not fetched yet
    cancels: list[str] = field(default_factory=list)  # input ids to tell it at its next heartbeat
    fetched: int = 0  # inputs so far
    fetching: bool = False  # it waits for an input
    preempted: bool = False
    draining: bool = False  # gets no more inputs
    failure: Result | None = None  # its import or start failed
    process: asyncio.subprocess.Process | None = None
    enqueued_at: float = field(default_factory=time.time)
    started_at: float = 0.0
    finished_at: float = 0.0
    exit_code: int | None = None
    views: dict[str, View] = field(default_factory=dict)
    read_only: set[str] = field(default_factory=set)  # ids of volumes it may not write
    view_lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    changed: Changed = field(default_factory=Changed)

    @property
    def app(self) -> App:
        return self.function.app

    @property
    def alive(self) -> bool:
        return self.state != "finished"


@dataclass
class World:
    """Everything by its id."""

    options: Options
    storage: Storage
    apps: dict[str, App] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
    classes: dict[str, Cls] = field(default_factory=dict)
    calls: dict[str, Call] = field(default_factory=dict)
    inputs: dict[str, Input] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)

    def app(self, app_id: str) -> App:
        return _look_up(self.apps, app_id, "App")

    def function(self, function_id: str) -> Function:
        return _look_up(self.functions, function_id, "Function")

    def call(self, call_id: str) -> Call:
        return _look_up(self.calls, call_id, "Function call")

    def task(self, task_id: str) -> Task:
        return _look_up(self.tasks, task_id, "Container")

    def deployed(self, name: str, environment: str) -> App:
        for app in self.apps.values():
            if (
                app.name == name
                and app.environment == environment
                and app.state == api_pb2.APP_STATE_DEPLOYED
            ):
                return app
        raise GRPCError(Status.NOT_FOUND, f"App {name!r} not found in environment {environment!r}")

    def tasks_of(self, app: App) -> list[Task]:
        return [task for task in self.tasks.values() if task.app is app and task.alive]

    def unfinished_inputs(self, app: App) -> list[Input]:
        return [i for i in self.inputs.values() if i.function.app is app and i.result is None]


def _look_up(table: dict[str, T], key: str, kind: str) -> T:
    if key not in table:
        raise GRPCError(Status.NOT_FOUND, f"{kind} {key!r} not found")
    return table[key]
