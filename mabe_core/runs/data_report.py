"""What a record keeps of the import report; a record may have come from anywhere, and hold anything there."""

from __future__ import annotations

from typing import Any

import attrs

from mabe_core.runs.shape import misfits


@attrs.frozen(kw_only=True)
class _Rate:
    value: float
    recordings: int


@attrs.frozen(kw_only=True)
class _Names:
    value: list[str]
    recordings: int


@attrs.frozen(kw_only=True)
class _Part:
    recordings: int
    frames: int
    class_frames: dict[str, int]
    unlabelled: int


@attrs.frozen(kw_only=True)
class _Report:
    """What is asked for of ImportReport.as_dict; what has a default, earlier versions did not keep."""

    recordings: int
    frames: int
    seconds: float
    fps: list[_Rate]
    individuals: list[_Names]
    keypoints: list[_Names]
    class_frames: dict[str, int]
    unlabelled: int
    missing: float
    notes: list[str] = attrs.field(factory=list)
    parts: dict[str, _Part] = attrs.field(factory=dict)
    notice: str = ""


def kept_report(found: dict[str, Any]) -> dict[str, Any] | None:
    """Return a record's `report` where it is one, else None."""
    return None if misfits(found, _Report) else {"notes": [], "parts": {}, "notice": "", **found}
