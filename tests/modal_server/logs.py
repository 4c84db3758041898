"""Logs of an app: what its containers printed, kept in memory, read live or afterwards.

Approximated: image logs are not repeated here; entries never expire.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from modal_proto import api_pb2

from .context import Changed, EnumValue

if TYPE_CHECKING:
    from .world import App, World


@dataclass(frozen=True)
class LogEntry:
    number: int
    time_ns: int
    data: str
    descriptor: EnumValue
    task_id: str = ""
    function_id: str = ""
    root_function_id: str = ""
    call_id: str = ""
    input_id: str = ""
    task_state: EnumValue = 0


@dataclass
class LogBook:
    """Entries in the order they came; numbers start at 1."""

    entries: list[LogEntry] = field(default_factory=list)
    changed: Changed = field(default_factory=Changed)
    done: bool = False

    def add(self, data: str, descriptor: int, **where: Any) -> None:
        self.entries.append(LogEntry(len(self.entries) + 1, time.time_ns(), data, descriptor, **where))
        self.changed.notify()

    def finish(self) -> None:
        self.done = True
        self.changed.notify()


class Logs:
    """RPCs that read logs."""

    def __init__(self, world: World) -> None:
        self._world = world

    def _app(self, request: Any) -> App:
        if not request.app_id and request.task_id:
            return self._world.task(request.task_id).app
        return self._world.app(request.app_id)

    async def AppGetLogs(self, request: api_pb2.AppGetLogsRequest) -> AsyncIterator[api_pb2.TaskLogsBatch]:
        book = self._app(request).logs
        seen = int(request.last_entry_id.partition("-")[0] or 0)
        deadline = time.monotonic() + request.timeout
        while True:
            fresh = book.entries[seen:]
            seen += len(fresh)
            wanted = [entry for entry in fresh if _matches(entry, request, request.file_descriptor)]
            for batch in _batches(wanted):
                yield batch
            if book.done:
                yield api_pb2.TaskLogsBatch(app_done=True, entry_id=f"{seen}-0")
                return
            left = deadline - time.monotonic()
            if left <= 0:
                return
            if not fresh:
                await book.changed.wait(left)

    async def AppFetchLogs(self, request: api_pb2.AppFetchLogsRequest) -> api_pb2.AppFetchLogsResponse:
        wanted = self._between(request)
        return api_pb2.AppFetchLogsResponse(
            batches=_batches(wanted[-request.limit :] if request.limit else wanted)
        )

    async def AppCountLogs(self, request: api_pb2.AppCountLogsRequest) -> api_pb2.AppCountLogsResponse:
        width = request.bucket_secs or 60
        buckets: dict[int, api_pb2.AppCountLogsResponse.LogBucket] = {}
        for entry in self._between(request):
            start = math.floor(entry.time_ns / 1e9 / width) * width
            bucket = buckets.setdefault(start, api_pb2.AppCountLogsResponse.LogBucket())
            bucket.bucket_start_at.seconds = start
            if entry.descriptor == api_pb2.FILE_DESCRIPTOR_STDOUT:
                bucket.stdout_logs += 1
            elif entry.descriptor == api_pb2.FILE_DESCRIPTOR_STDERR:
                bucket.stderr_logs += 1
            else:
                bucket.system_logs += 1
        ordered = [buckets[start] for start in sorted(buckets)]
        return api_pb2.AppCountLogsResponse(app_id=request.app_id, buckets=ordered)

    def _between(self, request: Any) -> list[LogEntry]:
        since, until = request.since.ToNanoseconds(), request.until.ToNanoseconds() or math.inf
        return [
            entry
            for entry in self._app(request).logs.entries
            if since <= entry.time_ns <= until and _matches(entry, request, request.source)
        ]


def _matches(entry: LogEntry, request: Any, descriptor: int) -> bool:
    return (
        (not descriptor or entry.descriptor == descriptor)
        and (not request.function_id or request.function_id in (entry.function_id, entry.root_function_id))
        and (not request.parametrized_function_id or request.parametrized_function_id == entry.function_id)
        and (not request.function_call_id or request.function_call_id == entry.call_id)
        and (not request.task_id or request.task_id == entry.task_id)
        and (not request.search_text or request.search_text in entry.data)
    )


def _batches(entries: list[LogEntry]) -> list[api_pb2.TaskLogsBatch]:
    """Group neighbours that come from the same container and input."""
    batches = []
    for _, group in itertools.groupby(entries, key=lambda e: (e.task_id, e.input_id)):
        members = list(group)
        last = members[-1]
        items = [
            api_pb2.TaskLogs(
                data=entry.data,
                task_state=entry.task_state,
                timestamp=entry.time_ns / 1e9,
                timestamp_ns=entry.time_ns,
                file_descriptor=entry.descriptor,
                function_call_id=entry.call_id,
                input_id=entry.input_id,
            )
            for entry in members
        ]
        batches.append(
            api_pb2.TaskLogsBatch(
                task_id=last.task_id,
                items=items,
                entry_id=f"{last.number}-0",
                function_id=last.function_id,
                root_function_id=last.root_function_id,
                input_id=last.input_id,
            )
        )
    return batches
