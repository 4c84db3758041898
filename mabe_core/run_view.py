"""What a watcher is told of a run: plain values, copies, so that nothing done to them changes the run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

Scalar = bool | int | float | str | None


@attrs.frozen(kw_only=True)
class RunView:
    """A run as it stands at an event.

    name: of the experiment, the first part of the id. folder: the run directory, where a watcher may write a
    folder of its own. in_cloud: whether that folder lies on a volume, whose files cannot be locked.
    experiment: resolved, as maps, lists and scalars. record: what record.json holds, with `state`, `step`,
    `attempts` and `failure`. best: the folder of the best checkpoint so far, with its model.safetensors.
    """

    id: str
    name: str
    folder: Path
    in_cloud: bool
    experiment: dict[str, Any]
    record: dict[str, Any]
    best: Path | None = None

    def flat(self) -> dict[str, Scalar]:
        """Return the experiment's values by their paths, such as `model.hidden_dim`.

        What stands in a list is counted from 0; a list of scalars is one JSON text.
        """
        return dict(_flat(self.experiment, ()))


def epoch_scores(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers in an epoch's line of metrics.jsonl, less those that say which epoch it is."""
    numbers = {name: value for name, value in metrics.items() if isinstance(value, int | float)}
    return {name: value for name, value in numbers.items() if name not in ("epoch", "step")}


def _flat(value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Scalar]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flat(inner, (*path, str(key)))
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        for index, item in enumerate(value):
            yield from _flat(item, (*path, str(index)))
    elif isinstance(value, dict | list):
        yield ".".join(path), json.dumps(value, ensure_ascii=False)
    else:
        yield ".".join(path), value
