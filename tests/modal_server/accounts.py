"""Who calls, and in which environment: hello, tokens, workspace, environments.

Approximated: one workspace `loopback`; every environment name that is asked for exists.
"""

from __future__ import annotations

from typing import Any

from modal_proto import api_pb2

IMAGE_BUILDER_VERSION = "2025.06"
DEFAULT_ENVIRONMENT = "main"


class Accounts:
    """RPCs about the caller."""

    def __init__(self) -> None:
        self._environments = {DEFAULT_ENVIRONMENT}

    async def ClientHello(self, request: Any) -> api_pb2.ClientHelloResponse:
        return api_pb2.ClientHelloResponse(image_builder_version=IMAGE_BUILDER_VERSION)

    async def AuthTokenGet(self, request: Any) -> api_pb2.AuthTokenGetResponse:
        # an unsigned JWT that expires in 2100: the client reads only `exp`
        return api_pb2.AuthTokenGetResponse(token="eyJhbGciOiJub25lIn0.eyJleHAiOjQxMDI0NDQ4MDB9.")

    async def TokenInfoGet(self, request: Any) -> api_pb2.TokenInfoGetResponse:
        return api_pb2.TokenInfoGetResponse(
            token_id="ak-loopback", workspace_id="ac-loopback", workspace_name="loopback"
        )

    async def WorkspaceNameLookup(self, request: Any) -> api_pb2.WorkspaceNameLookupResponse:
        return api_pb2.WorkspaceNameLookupResponse(workspace_name="loopback", username="loopback")

    async def EnvironmentGetOrCreate(
        self, request: api_pb2.EnvironmentGetOrCreateRequest
    ) -> api_pb2.EnvironmentGetOrCreateResponse:
        name = request.deployment_name or DEFAULT_ENVIRONMENT
        self._environments.add(name)
        settings = api_pb2.EnvironmentSettings(image_builder_version=IMAGE_BUILDER_VERSION)
        return api_pb2.EnvironmentGetOrCreateResponse(
            environment_id=_environment_id(name),
            metadata=api_pb2.EnvironmentMetadata(name=name, settings=settings),
        )

    async def EnvironmentList(self, request: Any) -> api_pb2.EnvironmentListResponse:
        items = [
            api_pb2.EnvironmentListItem(
                name=name, default=name == DEFAULT_ENVIRONMENT, environment_id=_environment_id(name)
            )
            for name in sorted(self._environments)
        ]
        return api_pb2.EnvironmentListResponse(items=items)

    async def EnvironmentCreate(self, request: api_pb2.EnvironmentCreateRequest) -> None:
        self._environments.add(request.name)


def _environment_id(name: str) -> str:
    return "en-" + name.encode().hex().ljust(22, "0")[:22]
