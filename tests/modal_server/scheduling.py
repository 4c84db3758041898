"""Which input runs in which container, and what becomes of it: results, retries, time limits, preemption.

Approximated: retries are always the server's (Modal lets the client retry `.remote` itself); a failed import
is not retried; a container that dies counts as a failure of its input.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Coroutine
from typing import Any

from modal_proto import api_pb2

from .context import EnumValue
from .faults import Faults
from .world import App, Call, Function, Input, Result, Task, World

_ENDED = Result.GENERIC_STATUS_TERMINATED
_TIMEOUT = Result.GENERIC_STATUS_TIMEOUT


class Scheduler:
    """Starts containers for waiting inputs, and settles every input exactly once."""

    def __init__(self, world: World, faults: Faults) -> None:
        self._world = world
        self._faults = faults
        self._waiting: list[Input] = []
        self._running: set[asyncio.Task[None]] = set()
        self.run_container: Callable[[Task], Coroutine[Any, Any, None]]  # set by server.py, which knows how
        self.send_signal: Callable[[Task, int], None]

    # -- inputs come and get containers ----------------------------------------------------------

    def add(self, call: Call, index: int, payload: api_pb2.FunctionInput) -> Input:
        """Queue one input of a call."""
        fresh = Input(call, index, payload)
        call.inputs.append(fresh)
        self._world.inputs[fresh.id] = fresh
        if call.function.app.stopped:
            self._settle(fresh, Result(status=_ENDED, exception="The app is stopped"))
        else:
            self._waiting.append(fresh)
            self.dispatch()
        return fresh

    def dispatch(self) -> None:
        """Give every input that is ready a container, as far as there is room."""
        now = time.monotonic()
        for waiting in [i for i in self._waiting if i.ready_at <= now]:
            task = self._free_container(waiting.function)
            if task is None and self._room(waiting.function):
                task = self._start(waiting.function)
            if task is not None:
                self._waiting.remove(waiting)
                waiting.task = task
                task.reserved.append(waiting)
                task.changed.notify()

    def _free_container(self, function: Function) -> Task | None:
        for task in self._world.tasks.values():
            if task.function is function and task.fetching and not task.reserved and not task.draining:
                return task
        return None

    def _room(self, function: Function) -> bool:
        alive = [task for task in self._world.tasks.values() if task.alive]
        mine = sum(task.function is function for task in alive)
        if function.max_containers is not None and mine >= function.max_containers:
            return False
        return self._faults.capacity is None or len(alive) < self._faults.capacity

    def _start(self, function: Function) -> Task:
        task = Task(function)
        self._world.tasks[task.id] = task
        running = asyncio.create_task(self.run_container(task))
        self._running.add(running)
        running.add_done_callback(self._running.discard)
        limit = function.definition.startup_timeout_secs or function.definition.timeout_secs
        if limit:
            asyncio.get_running_loop().call_later(limit, self._startup_is_over, task, limit)
        return task

    def _startup_is_over(self, task: Task, limit: int) -> None:
        if task.alive and not task.fetched:
            task.failure = Result(
                status=_TIMEOUT, exception=f"Container {task.id} did not start in {limit} s"
            )
            self.send_signal(task, signal.SIGKILL)

    async def fetch(self, task: Task) -> Input | None:
        """Wait for the next input of a container; None when it should end."""
        single = task.function.definition.single_use_containers or task.function.definition.max_inputs == 1
        idle_since = time.monotonic()
        task.fetching = True
        try:
            while not task.draining:
                if task.reserved:
                    return self._hand_over(task, task.reserved.pop(0))
                if single and task.fetched:
                    return None
                if task.inputs:
                    idle_since = time.monotonic()
                else:
                    task.state = "idle"
                left = idle_since + self._world.options.idle - time.monotonic()
                if left <= 0:
                    task.draining = True
                await task.changed.wait(max(left, 0.01))
            return None
        finally:
            task.fetching = False

    def _hand_over(self, task: Task, waiting: Input) -> Input:
        task.state = "running"
        task.fetched += 1
        task.inputs[waiting.id] = waiting
        waiting.running = True
        waiting.attempts += 1
        waiting.started_at = time.time()
        limit = task.function.definition.timeout_secs
        if limit:
            loop = asyncio.get_running_loop()
            waiting.timers = [loop.call_later(limit, self._time_is_up, task, waiting, limit)]
        return waiting

    # -- inputs end ------------------------------------------------------------------------------

    def _time_is_up(self, task: Task, late: Input, limit: int) -> None:
        late.ending = _TIMEOUT
        late.ending_text = f"Task's current input {late.id} hit its timeout of {limit}s"
        self._cancel_running(task, late)

    def _cancel_running(self, task: Task, unwanted: Input) -> None:
        """Ask the container to end an input; kill the container if it does not in time."""
        task.cancels.append(unwanted.id)
        task.changed.notify()
        later = asyncio.get_running_loop().call_later
        unwanted.timers.append(later(self._world.options.grace, self.send_signal, task, signal.SIGKILL))

    def output(self, task: Task, item: api_pb2.FunctionPutOutputsItem) -> None:
        """Take what a container says became of an input."""
        ended = task.inputs.pop(item.input_id, None)
        if ended is None or ended.result is not None:
            return  # settled meanwhile, for example because the app was stopped
        status = item.result.status
        if ended.ending is not None:
            self._end_as_decided(ended)
        elif status == Result.GENERIC_STATUS_SUCCESS:
            self._settle(ended, item.result, item.data_format)
        elif status == _ENDED and task.preempted:
            self._queue_again(ended)
        elif status == _ENDED:
            self._settle(ended, item.result)
        else:
            self._retry_or_settle(ended, item.result, item.data_format)

    def _end_as_decided(self, ended: Input) -> None:
        result = Result(status=ended.ending, exception=ended.ending_text)
        if ended.ending == _TIMEOUT:
            self._retry_or_settle(ended, result)
        else:
            self._settle(ended, result)

    def task_ended(self, task: Task) -> None:
        """Settle or queue again what a container has left unfinished."""
        task.state, task.finished_at = "finished", time.time()
        for left in [*task.inputs.values(), *task.reserved]:
            if left.result is not None:
                continue
            if left.ending is not None:
                self._end_as_decided(left)
            elif task.preempted:
                self._queue_again(left)
            elif task.failure is not None:
                self._settle(left, task.failure)
            else:
                text = f"Container {task.id} ended without a result (exit code {task.exit_code})"
                self._retry_or_settle(left, Result(status=Result.GENERIC_STATUS_FAILURE, exception=text))
        task.inputs.clear()
        task.reserved.clear()
        self.dispatch()
        self._finish_stop(task.app)

    def _retry_or_settle(self, failed: Input, result: Result, data_format: EnumValue = 0) -> None:
        policy = failed.function.definition.retry_policy
        if failed.failures >= policy.retries or failed.function.app.stopped:
            self._settle(failed, result, data_format)
            return
        delay = policy.initial_delay_ms * (policy.backoff_coefficient or 1.0) ** failed.failures
        failed.failures += 1
        self._queue_again(failed, min(delay, policy.max_delay_ms or delay) / 1000)

    def _queue_again(self, again: Input, delay: float = 0.0) -> None:
        _forget_attempt(again)
        again.ready_at = time.monotonic() + delay
        self._waiting.append(again)
        asyncio.get_running_loop().call_later(delay + 0.001, self.dispatch)

    def _settle(self, ended: Input, result: Result, data_format: EnumValue = 0) -> None:
        item = api_pb2.FunctionGetOutputsItem(
            result=result,
            idx=ended.index,
            input_id=ended.id,
            data_format=data_format,
            task_id=ended.task.id if ended.task else "",
            input_started_at=ended.started_at,
            output_created_at=time.time(),
        )
        _forget_attempt(ended)
        ended.result = item
        if ended in self._waiting:
            self._waiting.remove(ended)
        ended.call.outputs.append(ended)
        ended.call.changed.notify()
        self.stop_if_finished(ended.function.app)

    # -- asked from outside ----------------------------------------------------------------------

    def cancel(self, call: Call, terminate_containers: bool) -> None:
        """End the inputs of a call: queued ones now, running ones by an InputCancellation."""
        for unwanted in [i for i in call.inputs if i.result is None]:
            task = unwanted.task
            if task is None or not unwanted.running:
                if task is not None:
                    task.reserved.remove(unwanted)
                self._settle(unwanted, Result(status=_ENDED, exception="Input was cancelled by user"))
                continue
            unwanted.ending, unwanted.ending_text = _ENDED, "Input was cancelled by user"
            if terminate_containers:
                self.interrupt(task)
            else:
                self._cancel_running(task, unwanted)

    def preempt(self, task: Task) -> None:
        """Take a container away; its inputs run again elsewhere, which counts as no retry."""
        task.preempted = True
        self.interrupt(task)

    def interrupt(self, task: Task) -> None:
        """End a container as Modal does: no more inputs, SIGINT, SIGKILL after the grace time."""
        task.draining = True
        task.changed.notify()
        self.send_signal(task, signal.SIGINT)
        later = asyncio.get_running_loop().call_later
        later(self._world.options.grace, self.send_signal, task, signal.SIGKILL)

    def stop_if_finished(self, app: App) -> None:
        """Stop a detached app that nobody watches once it has nothing to do."""
        alone = app.state == api_pb2.APP_STATE_DETACHED_DISCONNECTED
        if alone and not self._world.unfinished_inputs(app):
            self.stop_app(app, by="")

    def stop_app(self, app: App, by: str) -> None:
        """End an app's inputs and containers; what its containers print until then still gets logged."""
        if app.stopped:
            return
        app.state, app.stopped_by = api_pb2.APP_STATE_STOPPING, by
        for task in self._world.tasks_of(app):
            if task.inputs or task.reserved:
                self.interrupt(task)
            task.draining = True
            task.changed.notify()
        for unwanted in self._world.unfinished_inputs(app):
            self._settle(unwanted, Result(status=_ENDED, exception="The app was stopped"))
        self._finish_stop(app)

    def _finish_stop(self, app: App) -> None:
        if app.state == api_pb2.APP_STATE_STOPPING and not self._world.tasks_of(app):
            app.state, app.stopped_at = api_pb2.APP_STATE_STOPPED, time.time()
            app.logs.finish()

    async def end_everything(self) -> None:
        """Kill all containers and wait for their ends."""
        self._waiting.clear()
        for task in self._world.tasks.values():
            if task.alive:
                self.send_signal(task, signal.SIGKILL)
        if self._running:
            await asyncio.wait(self._running, timeout=10)


def _forget_attempt(ended: Input) -> None:
    for timer in ended.timers:
        timer.cancel()
    ended.timers = []
    ended.running, ended.ending, ended.ending_text = False, None, ""
    ended.task = None
