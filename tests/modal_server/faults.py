"""Faults that a test asks for: refuse an RPC, answer late, know no token, have no room for containers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from grpclib import GRPCError, Status


@dataclass
class _Planned:
    times: int
    status: Status | None = None
    seconds: float = 0.0


@dataclass
class Faults:
    """Faults by RPC name; `*` stands for every RPC."""

    planned: dict[str, list[_Planned]] = field(default_factory=dict)
    reject_token: bool = False
    capacity: int | None = None

    def refuse(self, rpc: str, status: str = "UNAVAILABLE", times: int = 1) -> None:
        self.planned.setdefault(rpc, []).append(_Planned(times, status=Status[status]))

    def delay(self, rpc: str, seconds: float, times: int = 1) -> None:
        self.planned.setdefault(rpc, []).append(_Planned(times, seconds=seconds))

    def clear(self) -> None:
        self.planned.clear()
        self.reject_token = False
        self.capacity = None

    async def apply(self, rpc: str, metadata: object, from_container: bool) -> None:
        """Raise or wait, as planned for this RPC."""
        if not from_container:
            token = str(metadata.get("x-modal-token-id", "")) if hasattr(metadata, "get") else ""
            if self.reject_token or not token.startswith("ak-"):
                raise GRPCError(Status.UNAUTHENTICATED, f"Token ID {token!r} is not known (loopback server)")
        for name in (rpc, "*"):
            for fault in [fault for fault in self.planned.get(name, []) if fault.times > 0]:
                fault.times -= 1
                await asyncio.sleep(fault.seconds)
                if fault.status is not None:
                    raise GRPCError(fault.status, f"{rpc} refused, as asked through /control/refuse")
