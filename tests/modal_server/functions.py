"""Functions and classes: defined, looked up, varied by `with_options`.

Approximated: web endpoints, servers and clusters are refused; schedules and regions are ignored; a list of
GPUs counts as its first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from grpclib import GRPCError, Status
from modal_proto import api_pb2

from .accounts import DEFAULT_ENVIRONMENT
from .world import Cls, Function, World

if TYPE_CHECKING:
    from .scheduling import Scheduler


class Functions:
    """RPCs about functions and classes."""

    def __init__(self, world: World, scheduler: Scheduler) -> None:
        self._world = world
        self._scheduler = scheduler

    async def FunctionPrecreate(
        self, request: api_pb2.FunctionPrecreateRequest
    ) -> api_pb2.FunctionPrecreateResponse:
        definition = api_pb2.Function(
            function_name=request.function_name,
            function_type=request.function_type,
            function_schema=request.function_schema,
            method_definitions=request.method_definitions,
            supported_input_formats=request.supported_input_formats,
            supported_output_formats=request.supported_output_formats,
        )
        function = self._define(request.app_id, request.existing_function_id, definition)
        return api_pb2.FunctionPrecreateResponse(
            function_id=function.id, handle_metadata=handle_metadata(function)
        )

    async def FunctionCreate(self, request: api_pb2.FunctionCreateRequest) -> api_pb2.FunctionCreateResponse:
        if request.HasField("function_data"):
            definition = request.function_data.ranked_functions[0].function
        else:
            definition = request.function
        _refuse_unsupported(definition)
        function = self._define(request.app_id, request.existing_function_id, definition)
        function.created = True
        return api_pb2.FunctionCreateResponse(
            function_id=function.id,
            function=definition,
            handle_metadata=handle_metadata(function),
            function_data=_function_data(function),
        )

    def _define(self, app_id: str, existing_id: str, definition: api_pb2.Function) -> Function:
        """Replace what an id stands for, or make a new one."""
        app = self._world.app(app_id)
        function = self._world.functions.get(existing_id)
        if function is None:
            function = Function(app, definition)
            self._world.functions[function.id] = function
        function.definition = definition
        app.function_ids[definition.function_name] = function.id
        return function

    async def FunctionGet(self, request: api_pb2.FunctionGetRequest) -> api_pb2.FunctionGetResponse:
        app = self._world.deployed(request.app_name, request.environment_name or DEFAULT_ENVIRONMENT)
        if request.object_tag not in app.function_ids:
            raise GRPCError(
                Status.NOT_FOUND, f"App {request.app_name!r} has no function {request.object_tag!r}"
            )
        function = self._world.function(app.function_ids[request.object_tag])
        return api_pb2.FunctionGetResponse(
            function_id=function.id,
            handle_metadata=handle_metadata(function),
            function=_function_data(function),
        )

    async def FunctionGetById(
        self, request: api_pb2.FunctionGetByIdRequest
    ) -> api_pb2.FunctionGetByIdResponse:
        function = self._world.function(request.function_id)
        return api_pb2.FunctionGetByIdResponse(
            function=_function_data(function), handle_metadata=handle_metadata(function)
        )

    async def FunctionBindParams(
        self, request: api_pb2.FunctionBindParamsRequest
    ) -> api_pb2.FunctionBindParamsResponse:
        root = self._world.function(request.function_id).root
        definition = _with_options(root.definition, request.function_options)
        params = request.serialized_params
        for variant in self._world.functions.values():
            if (
                variant.base is root
                and variant.serialized_params == params
                and variant.definition == definition
            ):
                break
        else:
            variant = Function(root.app, definition, base=root, serialized_params=params, created=True)
            self._world.functions[variant.id] = variant
        return api_pb2.FunctionBindParamsResponse(
            bound_function_id=variant.id, handle_metadata=handle_metadata(variant)
        )

    async def ClassCreate(self, request: api_pb2.ClassCreateRequest) -> api_pb2.ClassCreateResponse:
        app = self._world.app(request.app_id)
        existing = self._world.classes.get(request.existing_class_id)
        if existing is not None:
            return api_pb2.ClassCreateResponse(class_id=existing.id, handle_metadata=cls_metadata(existing))
        taken = {cls.function.id for cls in self._world.classes.values()}
        service = [
            f
            for f in self._world.functions.values()
            if f.app is app and f.definition.is_class and f.base is None and f.id not in taken
        ]
        if not service:
            raise GRPCError(Status.FAILED_PRECONDITION, "A class needs its function to be created first")
        cls = Cls(app, service[0])
        self._world.classes[cls.id] = cls
        app.class_ids[cls.function.name.removesuffix(".*")] = cls.id
        return api_pb2.ClassCreateResponse(class_id=cls.id, handle_metadata=cls_metadata(cls))

    async def ClassGet(self, request: api_pb2.ClassGetRequest) -> api_pb2.ClassGetResponse:
        app = self._world.deployed(request.app_name, request.environment_name or DEFAULT_ENVIRONMENT)
        if request.object_tag not in app.class_ids:
            raise GRPCError(Status.NOT_FOUND, f"App {request.app_name!r} has no class {request.object_tag!r}")
        cls = self._world.classes[app.class_ids[request.object_tag]]
        return api_pb2.ClassGetResponse(class_id=cls.id, handle_metadata=cls_metadata(cls))

    async def FunctionGetCurrentStats(
        self, request: api_pb2.FunctionGetCurrentStatsRequest
    ) -> api_pb2.FunctionStats:
        function = self._world.function(request.function_id)
        waiting = [i for i in self._world.inputs.values() if i.function is function and i.result is None]
        return api_pb2.FunctionStats(
            backlog=sum(not i.running for i in waiting),
            num_running_inputs=sum(i.running for i in waiting),
            num_total_tasks=sum(t.function is function and t.alive for t in self._world.tasks.values()),
        )

    async def FunctionGetSchedulingParams(
        self, request: api_pb2.FunctionGetSchedulingParamsRequest
    ) -> api_pb2.FunctionGetSchedulingParamsResponse:
        settings = self._world.function(request.function_id).definition.autoscaler_settings
        return api_pb2.FunctionGetSchedulingParamsResponse(
            autoscaler_configuration=api_pb2.AutoscalerConfiguration(settings=settings)
        )

    async def FunctionUpdateSchedulingParams(
        self, request: api_pb2.FunctionUpdateSchedulingParamsRequest
    ) -> api_pb2.FunctionUpdateSchedulingParamsResponse:
        settings = self._world.function(request.function_id).definition.autoscaler_settings
        settings.MergeFrom(request.settings)
        self._scheduler.dispatch()
        return api_pb2.FunctionUpdateSchedulingParamsResponse(current_settings=settings)


def handle_metadata(function: Function) -> api_pb2.FunctionHandleMetadata:
    """Describe a function as its handle in the client needs it."""
    definition = function.definition
    metadata = api_pb2.FunctionHandleMetadata(
        function_name=definition.function_name,
        function_type=definition.function_type,
        is_method=definition.is_method,
        definition_id="de-" + function.id[3:],
        class_parameter_info=definition.class_parameter_info,
        function_schema=definition.function_schema,
        supported_input_formats=definition.supported_input_formats,
        supported_output_formats=definition.supported_output_formats,
        app_id=function.app.id,
        base_function_id=function.base.id if function.base else "",
    )
    for name, method in definition.method_definitions.items():
        metadata.method_handle_metadata[name].CopyFrom(
            api_pb2.FunctionHandleMetadata(
                function_name=method.function_name,
                function_type=method.function_type,
                is_method=True,
                use_method_name=name,
                function_schema=method.function_schema,
                supported_input_formats=method.supported_input_formats,
                supported_output_formats=method.supported_output_formats,
                app_id=function.app.id,
            )
        )
    return metadata


def cls_metadata(cls: Cls) -> api_pb2.ClassHandleMetadata:
    """Describe a class through the function that serves it."""
    return api_pb2.ClassHandleMetadata(
        class_function_id=cls.function.id, class_function_metadata=handle_metadata(cls.function)
    )


def _function_data(function: Function) -> api_pb2.FunctionData:
    definition = function.definition
    return api_pb2.FunctionData(
        module_name=definition.module_name,
        function_name=definition.function_name,
        function_type=definition.function_type,
        timeout_secs=definition.timeout_secs,
        startup_timeout_secs=definition.startup_timeout_secs,
        concurrency_limit=definition.concurrency_limit,
        autoscaler_settings=definition.autoscaler_settings,
        is_class=definition.is_class,
        class_parameter_info=definition.class_parameter_info,
        method_definitions=definition.method_definitions,
        method_definitions_set=definition.method_definitions_set,
        function_schema=definition.function_schema,
        supported_input_formats=definition.supported_input_formats,
        supported_output_formats=definition.supported_output_formats,
        ranked_functions=[api_pb2.FunctionData.RankedFunction(rank=0, function=definition)],
    )


def _refuse_unsupported(definition: api_pb2.Function) -> None:
    methods = definition.method_definitions.values()
    if definition.webhook_config.type or definition.is_server or any(m.webhook_config.type for m in methods):
        raise GRPCError(Status.UNIMPLEMENTED, "The loopback server serves no web endpoints and no servers")
    if definition._experimental_group_size > 1:
        raise GRPCError(Status.UNIMPLEMENTED, "The loopback server runs no clusters (@modal.clustered)")


def _with_options(definition: api_pb2.Function, options: api_pb2.FunctionOptions) -> api_pb2.Function:
    """Return the definition as `with_options` varies it: volumes and secrets replace, the rest overrides."""
    varied = api_pb2.Function()
    varied.CopyFrom(definition)
    if options.replace_volume_mounts:
        del varied.volume_mounts[:]
    varied.volume_mounts.extend(options.volume_mounts)
    if options.replace_secret_ids:
        del varied.secret_ids[:]
    varied.secret_ids.extend(options.secret_ids)
    varied.mount_ids.extend(options.mount_ids)
    if options.HasField("resources"):
        varied.resources.MergeFrom(options.resources)
    if options.HasField("retry_policy"):
        varied.retry_policy.CopyFrom(options.retry_policy)
    for name in ("timeout_secs", "concurrency_limit", "max_concurrent_inputs", "target_concurrent_inputs"):
        if options.HasField(name):
            setattr(varied, name, getattr(options, name))
    if options.HasField("concurrency_limit"):
        varied.autoscaler_settings.max_containers = options.concurrency_limit
    return varied
