"""RPCs of queues: partitions of values, first in first out.

Approximated: names and ids outlive the server, values do not; of Modal's limits only that of 5,000 values a
partition is kept.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from google.protobuf.empty_pb2 import Empty
from grpclib import GRPCError, Status
from modal_proto import api_pb2

from .named_objects import DEFAULT_ENVIRONMENT, NamedObject, NamedObjects

_PARTITION_LIMIT = 5000
_DAY = 24 * 3600.0


@dataclass
class _Partition:
    items: list[tuple[str, bytes]] = field(default_factory=list)  # entry id, value
    ends_at: float = float("inf")


@dataclass
class _Queue:
    partitions: dict[bytes, _Partition] = field(default_factory=dict)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    entries_made: int = 0

    def items(self, key: bytes) -> list[tuple[str, bytes]]:
        partition = self.partitions.get(key)
        if partition is not None and partition.ends_at < time.monotonic():
            del self.partitions[key]
            partition = None
        return partition.items if partition is not None else []

    @property
    def total(self) -> int:
        return sum(len(self.items(key)) for key in list(self.partitions))


class Queues:
    """Queues by id; values in memory."""

    def __init__(self, folder: Path) -> None:
        self._objects = NamedObjects(folder, "qu", "Queue", dropped=self._forget)
        self._queues: dict[str, _Queue] = {}

    async def QueueGetOrCreate(
        self, request: api_pb2.QueueGetOrCreateRequest
    ) -> api_pb2.QueueGetOrCreateResponse:
        found, _ = self._objects.get_or_create(
            request.deployment_name, request.environment_name, request.object_creation_type
        )
        return api_pb2.QueueGetOrCreateResponse(queue_id=found.id, metadata=_metadata(found))

    async def QueueGetById(self, request: api_pb2.QueueGetByIdRequest) -> api_pb2.QueueGetByIdResponse:
        found = self._objects.by_id(request.queue_id)
        return api_pb2.QueueGetByIdResponse(queue_id=found.id, metadata=_metadata(found))

    async def QueueList(self, request: api_pb2.QueueListRequest) -> api_pb2.QueueListResponse:
        limit = request.total_size_limit or _PARTITION_LIMIT
        queues = [
            api_pb2.QueueListResponse.QueueInfo(
                name=known.name,
                created_at=known.created_at,
                num_partitions=len(self._queue(known.id).partitions),
                total_size=min(self._queue(known.id).total, limit),
                queue_id=known.id,
                metadata=_metadata(known),
            )
            for known in self._objects.page(request.environment_name, request.pagination)
        ]
        environment = request.environment_name or DEFAULT_ENVIRONMENT
        return api_pb2.QueueListResponse(queues=queues, environment_name=environment)

    async def QueueHeartbeat(self, request: api_pb2.QueueHeartbeatRequest) -> Empty:
        self._objects.heartbeat(request.queue_id)
        return Empty()

    async def QueueDelete(self, request: api_pb2.QueueDeleteRequest) -> Empty:
        self._objects.drop(request.queue_id)
        return Empty()

    async def QueuePut(self, request: api_pb2.QueuePutRequest) -> Empty:
        queue = self._queue(request.queue_id)
        if len(queue.items(request.partition_key)) + len(request.values) > _PARTITION_LIMIT:
            raise GRPCError(Status.RESOURCE_EXHAUSTED, f"A queue partition holds {_PARTITION_LIMIT} values")
        partition = queue.partitions.setdefault(request.partition_key, _Partition())
        for value in request.values:
            queue.entries_made += 1
            partition.items.append((f"{queue.entries_made:020d}", value))
        partition.ends_at = time.monotonic() + (request.partition_ttl_seconds or _DAY)
        async with queue.changed:
            queue.changed.notify_all()
        return Empty()

    async def QueueGet(self, request: api_pb2.QueueGetRequest) -> api_pb2.QueueGetResponse:
        queue = self._queue(request.queue_id)
        await _wait_for(queue, lambda: bool(queue.items(request.partition_key)), request.timeout)
        items = queue.items(request.partition_key)
        taken = items[: request.n_values]
        del items[: len(taken)]
        return api_pb2.QueueGetResponse(values=[value for _, value in taken])

    async def QueueNextItems(self, request: api_pb2.QueueNextItemsRequest) -> api_pb2.QueueNextItemsResponse:
        queue = self._queue(request.queue_id)

        def later() -> list[tuple[str, bytes]]:
            return [item for item in queue.items(request.partition_key) if item[0] > request.last_entry_id]

        await _wait_for(queue, lambda: bool(later()), request.item_poll_timeout)
        items = [api_pb2.QueueItem(value=value, entry_id=entry_id) for entry_id, value in later()[:100]]
        return api_pb2.QueueNextItemsResponse(items=items)

    async def QueueLen(self, request: api_pb2.QueueLenRequest) -> api_pb2.QueueLenResponse:
        queue = self._queue(request.queue_id)
        length = queue.total if request.total else len(queue.items(request.partition_key))
        return api_pb2.QueueLenResponse(len=length)

    async def QueueClear(self, request: api_pb2.QueueClearRequest) -> Empty:
        queue = self._queue(request.queue_id)
        if request.all_partitions:
            queue.partitions.clear()
        else:
            queue.partitions.pop(request.partition_key, None)
        return Empty()

    def _queue(self, queue_id: str) -> _Queue:
        self._objects.by_id(queue_id)
        return self._queues.setdefault(queue_id, _Queue())

    def _forget(self, queue_id: str) -> None:
        self._queues.pop(queue_id, None)


async def _wait_for(queue: _Queue, condition: Callable[[], bool], timeout: float) -> None:
    if condition() or timeout <= 0:
        return
    try:
        async with asyncio.timeout(timeout), queue.changed:
            await queue.changed.wait_for(condition)
    except TimeoutError:
        return


def _metadata(known: NamedObject) -> api_pb2.QueueMetadata:
    return api_pb2.QueueMetadata(name=known.name, creation_info=known.creation_info)
