"""Apps: made, published, kept alive by heartbeats, left, stopped, looked up, listed.

Approximated: no deployment history, no roll-back; a deployment does not outlive the server.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from grpclib import GRPCError, Status
from modal_proto import api_pb2

from .accounts import DEFAULT_ENVIRONMENT
from .functions import cls_metadata, handle_metadata
from .world import App, World

if TYPE_CHECKING:
    from .scheduling import Scheduler

_PAGE = "http://loopback.invalid/apps/"
_LEFT_BEHIND = (api_pb2.APP_STATE_EPHEMERAL, api_pb2.APP_STATE_INITIALIZING)


class Apps:
    """RPCs about apps."""

    def __init__(self, world: World, scheduler: Scheduler) -> None:
        self._world = world
        self._scheduler = scheduler

    async def AppCreate(self, request: api_pb2.AppCreateRequest) -> api_pb2.AppCreateResponse:
        app = self._add(request.description, request.environment_name, request.app_state, dict(request.tags))
        url = _PAGE + app.id
        return api_pb2.AppCreateResponse(app_id=app.id, app_page_url=url, app_logs_url=url)

    async def AppGetOrCreate(self, request: api_pb2.AppGetOrCreateRequest) -> api_pb2.AppGetOrCreateResponse:
        environment = request.environment_name or DEFAULT_ENVIRONMENT
        try:
            app = self._world.deployed(request.app_name, environment)
        except GRPCError:
            if request.object_creation_type != api_pb2.OBJECT_CREATION_TYPE_CREATE_IF_MISSING:
                raise
            app = self._add(request.app_name, environment, api_pb2.APP_STATE_DEPLOYED, {})
            app.name, app.deployed_at = request.app_name, time.time()
        return api_pb2.AppGetOrCreateResponse(app_id=app.id, handle_metadata=self._metadata(app))

    def _add(self, description: str, environment: str, state: int, tags: dict[str, str]) -> App:
        app = App(description, environment or DEFAULT_ENVIRONMENT, state, tags=tags)
        self._world.apps[app.id] = app
        return app

    async def AppHeartbeat(self, request: api_pb2.AppHeartbeatRequest) -> None:
        self._world.app(request.app_id).last_heartbeat = time.monotonic()

    async def AppPublish(self, request: api_pb2.AppPublishRequest) -> api_pb2.AppPublishResponse:
        app = self._world.app(request.app_id)
        app.function_ids, app.class_ids = dict(request.function_ids), dict(request.class_ids)
        for tag, class_id in request.class_ids.items():
            # ClassCreate does not name the function, so that two classes may have got each other's
            self._world.classes[class_id].function = self._world.function(request.function_ids[f"{tag}.*"])
        app.tags.update(request.tags)
        if request.app_state == api_pb2.APP_STATE_DEPLOYED:
            app.name, app.deployed_at = request.name, time.time()
            app.version += 1
        if request.app_state:
            app.state = request.app_state
        return api_pb2.AppPublishResponse(url=_PAGE + app.id, deployed_at=app.deployed_at)

    async def AppClientDisconnect(self, request: api_pb2.AppClientDisconnectRequest) -> None:
        self.client_left(self._world.app(request.app_id))

    def client_left(self, app: App) -> None:
        """Stop an app that needs its client; let a detached one finish its inputs."""
        if app.state in _LEFT_BEHIND:
            self._scheduler.stop_app(app, by="")
        elif app.state == api_pb2.APP_STATE_DETACHED:
            app.state = api_pb2.APP_STATE_DETACHED_DISCONNECTED
            self._scheduler.stop_if_finished(app)

    def check_heartbeats(self) -> None:
        """Treat clients that fell silent as gone."""
        silent = time.monotonic() - self._world.options.missing_heartbeats
        needs_client = (*_LEFT_BEHIND, api_pb2.APP_STATE_DETACHED)
        for app in list(self._world.apps.values()):
            if app.state in needs_client and app.last_heartbeat < silent:
                self.client_left(app)

    async def AppStop(self, request: api_pb2.AppStopRequest) -> None:
        self._scheduler.stop_app(self._world.app(request.app_id), by="loopback")

    async def AppList(self, request: api_pb2.AppListRequest) -> api_pb2.AppListResponse:
        environment = request.environment_name or DEFAULT_ENVIRONMENT
        items = [
            api_pb2.AppListResponse.AppListItem(
                app_id=app.id,
                description=app.name or app.description,
                state=app.state,
                created_at=app.created_at,
                stopped_at=app.stopped_at,
                n_running_tasks=len(self._world.tasks_of(app)),
                name=app.name,
                metadata=self._metadata(app),
            )
            for app in reversed(self._world.apps.values())
            if app.environment == environment
        ]
        return api_pb2.AppListResponse(apps=items)

    async def AppGetLifecycle(
        self, request: api_pb2.AppGetLifecycleRequest
    ) -> api_pb2.AppGetLifecycleResponse:
        return api_pb2.AppGetLifecycleResponse(lifecycle=_lifecycle(self._world.app(request.app_id)))

    async def AppGetInfo(self, request: api_pb2.AppGetInfoRequest) -> api_pb2.AppGetInfoResponse:
        return api_pb2.AppGetInfoResponse(info=self._metadata(self._world.app(request.app_id)))

    async def AppGetByDeploymentName(
        self, request: api_pb2.AppGetByDeploymentNameRequest
    ) -> api_pb2.AppGetByDeploymentNameResponse:
        environment = request.environment_name or DEFAULT_ENVIRONMENT
        named = [
            a for a in self._world.apps.values() if a.name == request.name and a.environment == environment
        ]
        response = api_pb2.AppGetByDeploymentNameResponse(environment_name=environment)
        for app in named:
            if app.state == api_pb2.APP_STATE_DEPLOYED:
                response.app_id = app.id
            elif app.stopped:
                response.previous_app_id = app.id
            response.lifecycle.CopyFrom(_lifecycle(app))
        return response

    async def AppGetLayout(self, request: api_pb2.AppGetLayoutRequest) -> api_pb2.AppGetLayoutResponse:
        return api_pb2.AppGetLayoutResponse(
            app_layout=app_layout(self._world, self._world.app(request.app_id))
        )

    async def AppGetObjects(self, request: api_pb2.AppGetObjectsRequest) -> api_pb2.AppGetObjectsResponse:
        app = self._world.app(request.app_id)
        layout = app_layout(self._world, app)
        tags = {object_id: tag for ids in (app.function_ids, app.class_ids) for tag, object_id in ids.items()}
        items = [
            api_pb2.AppGetObjectsItem(tag=tags[o.object_id], object=o)
            for o in layout.objects
            if o.object_id in tags
        ]
        return api_pb2.AppGetObjectsResponse(items=items)

    async def AppSetTags(self, request: api_pb2.AppSetTagsRequest) -> None:
        self._world.app(request.app_id).tags = dict(request.tags)

    async def AppGetTags(self, request: api_pb2.AppGetTagsRequest) -> api_pb2.AppGetTagsResponse:
        return api_pb2.AppGetTagsResponse(tags=self._world.app(request.app_id).tags)

    async def ObjectSuggest(self, request: api_pb2.ObjectSuggestRequest) -> api_pb2.ObjectSuggestResponse:
        return api_pb2.ObjectSuggestResponse()

    async def AppDeploymentHistory(self, request: Any) -> None:
        raise GRPCError(Status.UNIMPLEMENTED, "The loopback server keeps no deployment history")

    def _metadata(self, app: App) -> api_pb2.AppHandleMetadata:
        return api_pb2.AppHandleMetadata(
            description=app.name or app.description,
            app_id=app.id,
            environment_name=app.environment,
            lifecycle=_lifecycle(app),
        )


def app_layout(world: World, app: App) -> api_pb2.AppLayout:
    """Describe an app's functions and classes, as the client and a container need them."""
    objects = []
    for function in world.functions.values():
        if function.app is app and function.base is None:
            metadata = handle_metadata(function)
            objects.append(api_pb2.Object(object_id=function.id, function_handle_metadata=metadata))
    for cls in world.classes.values():
        if cls.app is app:
            objects.append(api_pb2.Object(object_id=cls.id, class_handle_metadata=cls_metadata(cls)))
    return api_pb2.AppLayout(objects=objects, function_ids=app.function_ids, class_ids=app.class_ids)


def _lifecycle(app: App) -> api_pb2.AppLifecycle:
    return api_pb2.AppLifecycle(
        app_state=app.state,
        created_at=app.created_at,
        created_by="loopback",
        deployed_at=app.deployed_at,
        version=app.version,
        stopped_at=app.stopped_at,
        stopped_by=app.stopped_by,
    )
