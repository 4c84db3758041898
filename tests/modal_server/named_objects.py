"""Objects with an id, a folder and perhaps a name in an environment: what volumes, dicts, queues and secrets share.

Approximated: an ephemeral object is dropped after 15 minutes without a heartbeat (Modal's time is not known),
and one that belongs to an app outlives it.
"""

import json
import secrets
import shutil
import string
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from grpclib import GRPCError, Status
from modal_proto import api_pb2

DEFAULT_ENVIRONMENT = "main"
SILENCE_LIMIT = 15 * 60.0  # seconds; the client sends a heartbeat every 300
_ANONYMOUS = (api_pb2.OBJECT_CREATION_TYPE_EPHEMERAL, api_pb2.OBJECT_CREATION_TYPE_ANONYMOUS_OWNED_BY_APP)


def new_id(prefix: str) -> str:
    """Return an id of the form that the client checks: the prefix, a hyphen, 22 letters and digits."""
    return f"{prefix}-" + "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(22))


def write_atomically(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    temporary.write_bytes(data)
    temporary.replace(path)


@dataclass
class NamedObject:
    """One volume, dict, queue or secret; `name` is empty where only the id leads to it."""

    id: str
    name: str
    environment: str
    created_at: float
    ephemeral: bool
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def creation_info(self) -> api_pb2.CreationInfo:
        return api_pb2.CreationInfo(created_at=self.created_at, created_by="loopback")


class NamedObjects:
    """All objects of one kind, kept as `<folder>/<id>/about.json`."""

    def __init__(
        self, folder: Path, prefix: str, kind: str, dropped: Callable[[str], None] = lambda object_id: None
    ) -> None:
        self.folder, self.prefix, self.kind = folder, prefix, kind
        self._dropped = dropped
        self._objects: dict[str, NamedObject] = {}
        self._heard_at: dict[str, float] = {}
        folder.mkdir(parents=True, exist_ok=True)
        for place in folder.iterdir():
            if (place / "about.json").exists():
                known = NamedObject(**json.loads((place / "about.json").read_bytes()))
                self._objects[known.id] = known
                self._heard_at[known.id] = time.monotonic()
            else:
                shutil.rmtree(place)  # a drop that was cut off

    def get_or_create(
        self, name: str, environment: str, creation: int, facts: dict[str, Any] | None = None
    ) -> tuple[NamedObject, bool]:
        """Return the object and whether it is new; what may be made or must exist is said by `creation`."""
        environment = environment or DEFAULT_ENVIRONMENT
        if creation in _ANONYMOUS:
            self._drop_silent()
            ephemeral = creation == api_pb2.OBJECT_CREATION_TYPE_EPHEMERAL
            return self._create("", environment, facts, ephemeral), True
        if not name:
            raise GRPCError(Status.INVALID_ARGUMENT, f"A {self.kind} needs a name")
        found = self.named(name, environment)
        if found is None:
            if creation == api_pb2.OBJECT_CREATION_TYPE_UNSPECIFIED:
                raise GRPCError(
                    Status.NOT_FOUND, f"{self.kind} '{name}' not found in environment '{environment}'"
                )
            return self._create(name, environment, facts, ephemeral=False), True
        if creation == api_pb2.OBJECT_CREATION_TYPE_CREATE_FAIL_IF_EXISTS:
            raise GRPCError(
                Status.ALREADY_EXISTS, f"{self.kind} '{name}' already exists in environment '{environment}'"
            )
        return found, False

    def named(self, name: str, environment: str) -> NamedObject | None:
        same = (o for o in self._objects.values() if o.name == name and o.environment == environment)
        return next(same, None)

    def by_id(self, object_id: str) -> NamedObject:
        if object_id not in self._objects:
            raise GRPCError(Status.NOT_FOUND, f"{self.kind} {object_id} not found")
        return self._objects[object_id]

    def page(self, environment: str, pagination: api_pb2.ListPagination) -> list[NamedObject]:
        """Return the named objects of an environment, newest first, as far as the pagination wants."""
        environment = environment or DEFAULT_ENVIRONMENT
        before = pagination.created_before or float("inf")
        wanted: Iterable[NamedObject] = (
            o
            for o in self._objects.values()
            if o.name and o.environment == environment and o.created_at < before
        )
        newest_first = sorted(wanted, key=lambda o: o.created_at, reverse=True)
        return newest_first[: pagination.max_objects or None]

    def save(self, changed: NamedObject) -> None:
        place = self.folder / changed.id
        place.mkdir(mode=0o700, exist_ok=True)
        write_atomically(place / "about.json", json.dumps(asdict(changed)).encode())

    def rename(self, object_id: str, name: str) -> None:
        known = self.by_id(object_id)
        taken = self.named(name, known.environment)
        if taken is not None and taken is not known:
            raise GRPCError(Status.ALREADY_EXISTS, f"{self.kind} '{name}' already exists")
        known.name = name
        self.save(known)

    def heartbeat(self, object_id: str) -> None:
        self._heard_at[self.by_id(object_id).id] = time.monotonic()

    def drop(self, object_id: str) -> None:
        """Forget the object and remove its folder; a drop that is cut off is finished at the next start."""
        self.by_id(object_id)
        del self._objects[object_id], self._heard_at[object_id]
        (self.folder / object_id / "about.json").unlink()
        self._dropped(object_id)
        shutil.rmtree(self.folder / object_id, ignore_errors=True)

    def _create(
        self, name: str, environment: str, facts: dict[str, Any] | None, ephemeral: bool
    ) -> NamedObject:
        # pages are cut by creation time, so no two objects may share one
        newest = max((o.created_at for o in self._objects.values()), default=0.0)
        created_at = max(time.time(), newest + 1e-6)
        created = NamedObject(
            new_id(self.prefix), name, environment, created_at, ephemeral, dict(facts or {})
        )
        self.save(created)
        self._objects[created.id] = created
        self._heard_at[created.id] = time.monotonic()
        return created

    def _drop_silent(self) -> None:
        oldest = time.monotonic() - SILENCE_LIMIT
        for object_id in [o.id for o in self._objects.values() if o.ephemeral]:
            if self._heard_at[object_id] < oldest:
                self.drop(object_id)
