"""Numbers that a component gave at its last check: they tell when results change and `version` does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import torch

from mabe_core.configs.fields import plain
from mabe_core.errors import DataError
from mabe_core.plugin_faults import place
from mabe_core.runs.files import write_json
from mabe_core.testing.findings import Finding, NotAsked, Subject, Suite

CHECK = "results are those of the last check"
# far above what another processor rounds differently, far below what a change of the method does
RELATIVE, ABSOLUTE = 1e-4, 1e-6
PICKED = 6  # numbers that are kept of an array, beside its size, mean and spread


@attrs.define
class StoredValues:
    """The values of one plugin, by component; `accept` takes changed results as they are."""

    entries: dict[str, Any] = attrs.field(factory=dict)
    accept: bool = False
    changed: bool = attrs.field(init=False, default=False)

    @classmethod
    def read(cls, file: Path, *, accept: bool = False) -> StoredValues:
        """Read what an earlier check stored, if there was one; raise DataError where it cannot be read."""
        try:
            entries = json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            entries = {}
        except (OSError, ValueError) as error:
            raise DataError.at(file, f"is no record of an earlier check ({error}); remove it") from error
        if not isinstance(entries, dict) or not all(isinstance(each, dict) for each in entries.values()):
            raise DataError.at(file, "is no record of an earlier check; remove it")
        return cls(entries, accept)

    def write(self, file: Path) -> None:
        """Write the values, where there are others than were read."""
        if self.changed:
            write_json(file, self.entries)

    def compare(self, about: str, suite: Suite, subject: Subject) -> Finding:
        """Compare a component's results with those stored under the same config and version.

        New results are stored; changed ones under the same version only where they are accepted.
        """
        assert suite.values is not None, "every suite has values"
        try:
            values = [summary(each) for each in suite.values(suite.prepare(subject))]
        except NotAsked as reason:
            return Finding(about, CHECK, "skipped", str(reason))
        now = {"version": subject.spec.version, "config": plain(subject.component.config), "values": values}
        before = self.entries.get(about)
        asked = ("version", "config")
        same_request = before is not None and all(before.get(key) == now[key] for key in asked)
        if before is not None and same_request and alike(before.get("values"), values):
            return Finding(about, CHECK, "passed")
        if same_request and not self.accept:
            return Finding(
                about,
                CHECK,
                "warned",
                f"the same config gives other results than at the last check, but `version` is still "
                f"{subject.spec.version}: raise it in the spec, or take them as they are with --accept",
                place(subject.spec.build),
            )
        self.entries[about] = now
        self.changed = True
        return Finding(about, CHECK, "passed", "stored" if before is None else "stored anew")


def summary(values: Any) -> list[float | None]:
    """Return a few numbers that stand for an array: size, finite ones, mean, spread, and some of its own."""
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu().numpy()
    flat = np.asarray(values, dtype=np.float64).ravel()
    finite = flat[np.isfinite(flat)]
    picked = flat[np.linspace(0, len(flat) - 1, PICKED).round().astype(int)] if len(flat) else flat
    found = [
        len(flat),
        len(finite),
        finite.mean() if len(finite) else 0.0,
        finite.std() if len(finite) else 0.0,
    ]
    return [float(f"{each:.9g}") if np.isfinite(each) else None for each in (*found, *picked)]


def alike(before: Any, now: list[list[float | None]]) -> bool:
    """Tell whether two lists of summaries are the same but for rounding."""
    try:
        first, second = (np.array(each, dtype=np.float64) for each in (before, now))
    except (TypeError, ValueError):
        return False
    return first.shape == second.shape and np.allclose(first, second, RELATIVE, ABSOLUTE, equal_nan=True)
