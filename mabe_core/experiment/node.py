"""A value that remembers where it was written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs

from mabe_core.errors import Location
from mabe_core.experiment.scalars import Scalar

ValuePath = tuple[str | int, ...]


@attrs.frozen(eq=False)
class Node:
    """A scalar, a list or a map of an experiment file; `key` is where the key that leads to it stands."""

    value: Scalar | list[Node] | dict[str, Node]
    location: Location
    key: Location | None = None

    @property
    def entries(self) -> dict[str, Node]:
        """The entries of a map; of anything else, none."""
        return self.value if isinstance(self.value, dict) else {}

    def child(self, step: str | int) -> Node | None:
        """Return what one step of a path leads to, or None."""
        if isinstance(self.value, dict):
            return self.value.get(str(step))
        if isinstance(self.value, list) and isinstance(step, int) and 0 <= step < len(self.value):
            return self.value[step]
        return None

    def along(self, path: ValuePath) -> Iterator[Node]:
        """Yield this node and those that `path` leads through, as far as they were written."""
        node = self
        yield node
        for step in path:
            inner = node.child(step)
            if inner is None:
                return
            node = inner
            yield node

    def depth(self) -> int:
        """Return how many lists and maps are nested."""
        inner = self.value if isinstance(self.value, list) else self.entries.values()
        if not isinstance(self.value, list | dict):
            return 0
        return 1 + max((node.depth() for node in inner), default=0)

    def plain(self) -> Any:
        """Return the value without its locations, in lists and dicts of its own."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


def path_text(path: ValuePath) -> str:
    """Write a path as people do: `data.features[0].name`."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return "".join(steps).removeprefix(".")
