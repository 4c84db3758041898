"""RPCs of secrets: names and values for a container's environment.

Approximated: values lie unencrypted in the server's folder; `last_used_at` is never set; the status for missing
required keys is a guess.
"""

from pathlib import Path

from google.protobuf.empty_pb2 import Empty
from grpclib import GRPCError, Status
from modal_proto import api_pb2

from .named_objects import DEFAULT_ENVIRONMENT, NamedObject, NamedObjects


class Secrets:
    """Secrets with their values among the object's facts."""

    def __init__(self, folder: Path) -> None:
        self._objects = NamedObjects(folder, "st", "Secret")

    def values(self, secret_id: str) -> dict[str, str]:
        return dict(self._objects.by_id(secret_id).facts["values"])

    async def SecretGetOrCreate(
        self, request: api_pb2.SecretGetOrCreateRequest
    ) -> api_pb2.SecretGetOrCreateResponse:
        values = dict(request.env_dict)
        secret, created = self._objects.get_or_create(
            request.deployment_name,
            request.environment_name,
            request.object_creation_type,
            {"values": values},
        )
        overwrite = api_pb2.OBJECT_CREATION_TYPE_CREATE_OVERWRITE_IF_EXISTS
        if not created and request.object_creation_type == overwrite:
            secret.facts["values"] = values
            self._objects.save(secret)
        missing = sorted(set(request.required_keys) - set(secret.facts["values"]))
        if missing:
            raise GRPCError(Status.NOT_FOUND, f"Secret '{secret.name}' lacks the required keys {missing}")
        return api_pb2.SecretGetOrCreateResponse(secret_id=secret.id, metadata=_metadata(secret))

    async def SecretGetInfo(self, request: api_pb2.SecretGetInfoRequest) -> api_pb2.SecretGetInfoResponse:
        return api_pb2.SecretGetInfoResponse(metadata=_metadata(self._objects.by_id(request.secret_id)))

    async def SecretUpdate(self, request: api_pb2.SecretUpdateRequest) -> Empty:
        secret = self._objects.by_id(request.secret_id)
        for update in request.updates:
            secret.facts["values"].pop(update.key, None)
            if update.HasField("value"):
                secret.facts["values"][update.key] = update.value
        self._objects.save(secret)
        return Empty()

    async def SecretList(self, request: api_pb2.SecretListRequest) -> api_pb2.SecretListResponse:
        items = [
            api_pb2.SecretListItem(
                label=secret.name,
                created_at=secret.created_at,
                environment_name=secret.environment,
                secret_id=secret.id,
                metadata=_metadata(secret),
            )
            for secret in self._objects.page(request.environment_name, request.pagination)
        ]
        environment = request.environment_name or DEFAULT_ENVIRONMENT
        return api_pb2.SecretListResponse(items=items, environment_name=environment)

    async def SecretDelete(self, request: api_pb2.SecretDeleteRequest) -> Empty:
        self._objects.drop(request.secret_id)
        return Empty()


def _metadata(secret: NamedObject) -> api_pb2.SecretMetadata:
    return api_pb2.SecretMetadata(
        name=secret.name,
        creation_info=secret.creation_info,
        keys=sorted(secret.facts["values"]),
        environment_name=secret.environment,
    )
