"""Calls of functions: inputs come in, outputs are waited for, calls are cancelled and looked up.

Approximated: results are never cleared while the server lives; a generator's output is not retried.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterable
from typing import Any

from modal_proto import api_pb2

from .context import EnumValue
from .scheduling import Scheduler
from .world import Call, Input, Result, World

_OUTPUTS_A_REPLY = 100
_STREAM_SECONDS = 50.0


class Calls:
    """RPCs about function calls."""

    def __init__(self, world: World, scheduler: Scheduler) -> None:
        self._world = world
        self._scheduler = scheduler

    async def FunctionMap(self, request: api_pb2.FunctionMapRequest) -> api_pb2.FunctionMapResponse:
        function = self._world.function(request.function_id)
        call = Call(
            function,
            kind=request.function_call_type,
            invocation=request.function_call_invocation_type,
            parent_input_id=request.parent_input_id,
            complete=request.function_call_type == api_pb2.FUNCTION_CALL_TYPE_UNARY,
        )
        self._world.calls[call.id] = call
        return api_pb2.FunctionMapResponse(
            function_call_id=call.id,
            function_call_jwt=call.id,
            pipelined_inputs=self._add(call, request.pipelined_inputs),
            retry_policy=function.definition.retry_policy,
            max_inputs_outstanding=1000,
        )

    async def FunctionPutInputs(
        self, request: api_pb2.FunctionPutInputsRequest
    ) -> api_pb2.FunctionPutInputsResponse:
        call = self._world.call(request.function_call_id)
        return api_pb2.FunctionPutInputsResponse(inputs=self._add(call, request.inputs))

    def _add(
        self, call: Call, items: Iterable[api_pb2.FunctionPutInputsItem]
    ) -> list[api_pb2.FunctionPutInputsResponseItem]:
        replies = []
        for item in items:
            added = self._scheduler.add(call, item.idx, item.input)
            replies.append(
                api_pb2.FunctionPutInputsResponseItem(idx=item.idx, input_id=added.id, input_jwt=added.id)
            )
        return replies

    async def FunctionFinishInputs(self, request: api_pb2.FunctionFinishInputsRequest) -> None:
        call = self._world.call(request.function_call_id)
        call.complete = True
        call.changed.notify()

    async def FunctionGetOutputs(
        self, request: api_pb2.FunctionGetOutputsRequest
    ) -> api_pb2.FunctionGetOutputsResponse:
        call = self._world.call(request.function_call_id)
        seen = int(request.last_entry_id.partition("-")[0] or 0)
        deadline = time.monotonic() + request.timeout
        while True:
            fresh = call.outputs[seen:]
            if request.HasField("start_idx"):
                fresh = [i for i in fresh if request.start_idx <= i.index <= request.end_idx]
            left = deadline - time.monotonic()
            if fresh or left <= 0 or (call.complete and not call.unfinished):
                break
            await call.changed.wait(left)
        fresh = fresh[: request.max_values or _OUTPUTS_A_REPLY]
        return api_pb2.FunctionGetOutputsResponse(
            idxs=[i.index for i in fresh],
            outputs=[i.result for i in fresh if i.result],
            last_entry_id=f"{seen + len(fresh)}-0",
            num_unfinished_inputs=call.unfinished,
        )

    async def FunctionCallCancel(self, request: api_pb2.FunctionCallCancelRequest) -> None:
        self._scheduler.cancel(self._world.call(request.function_call_id), request.terminate_containers)

    async def FunctionCallFromId(
        self, request: api_pb2.FunctionCallFromIdRequest
    ) -> api_pb2.FunctionCallFromIdResponse:
        call = self._world.call(request.function_call_id)
        return api_pb2.FunctionCallFromIdResponse(
            function_call_id=call.id,
            num_inputs=len(call.inputs),
            metadata=api_pb2.FunctionCallHandleMetadata(
                app_id=call.function.app.id, function_id=call.function.id
            ),
        )

    async def FunctionCallGetInfo(
        self, request: api_pb2.FunctionCallGetInfoRequest
    ) -> api_pb2.FunctionCallGetInfoResponse:
        return api_pb2.FunctionCallGetInfoResponse(
            info=_call_info(self._world.call(request.function_call_id))
        )

    async def FunctionCallList(
        self, request: api_pb2.FunctionCallListRequest
    ) -> api_pb2.FunctionCallListResponse:
        calls = [c for c in self._world.calls.values() if c.function.id == request.function_id]
        return api_pb2.FunctionCallListResponse(function_calls=[_call_info(call) for call in calls])

    async def FunctionGetCallGraph(
        self, request: api_pb2.FunctionGetCallGraphRequest
    ) -> api_pb2.FunctionGetCallGraphResponse:
        call = self._world.call(request.function_call_id)
        return api_pb2.FunctionGetCallGraphResponse(
            inputs=[
                api_pb2.InputCallGraphInfo(
                    input_id=i.id,
                    status=_status(i),
                    function_call_id=call.id,
                    task_id=i.task.id if i.task else "",
                )
                for i in call.inputs
            ],
            function_calls=[
                api_pb2.FunctionCallCallGraphInfo(
                    function_call_id=call.id,
                    function_name=call.function.name,
                    module_name=call.function.definition.module_name,
                )
            ],
        )

    async def FunctionCallPutDataOut(self, request: api_pb2.FunctionCallPutDataRequest) -> None:
        call = self._world.call(request.function_call_id)
        call.data_out.extend(request.data_chunks)
        call.changed.notify()

    async def FunctionCallGetDataOut(
        self, request: api_pb2.FunctionCallGetDataRequest
    ) -> AsyncIterator[api_pb2.DataChunk]:
        call = self._world.call(request.function_call_id)
        sent = request.last_index
        deadline = time.monotonic() + _STREAM_SECONDS
        while (left := deadline - time.monotonic()) > 0:
            for chunk in [c for c in call.data_out if c.index > sent]:
                sent = chunk.index
                yield chunk
            await call.changed.wait(left)


def _call_info(call: Call) -> api_pb2.FunctionCallInfo:
    info = api_pb2.FunctionCallInfo(
        function_call_id=call.id, created_at=call.created_at, total_inputs=len(call.inputs)
    )
    for member in call.inputs:
        category: Any = getattr(info, _CATEGORIES.get(_status(member), "failed_inputs"))
        category.total += 1
        category.latest.append(
            api_pb2.InputInfo(input_id=member.id, idx=member.index, started_at=member.started_at)
        )
    return info


def _status(member: Input) -> EnumValue:
    return member.result.result.status if member.result else Result.GENERIC_STATUS_UNSPECIFIED


_CATEGORIES = {
    Result.GENERIC_STATUS_UNSPECIFIED: "pending_inputs",
    Result.GENERIC_STATUS_SUCCESS: "succeeded_inputs",
    Result.GENERIC_STATUS_TIMEOUT: "timeout_inputs",
    Result.GENERIC_STATUS_TERMINATED: "cancelled_inputs",
}
