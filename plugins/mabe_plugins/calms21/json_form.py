"""Reads CalMS21's JSON: groups of sequences, whose lists become arrays as soon as they are read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from mabe_core import DataError

ARRAYS = ("keypoints", "scores", "annotations")


def read_json(file: Path) -> Any:
    """Return groups of sequences; raises DataError naming line and column where the file is no JSON."""

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in items:
            if name in found:
                raise DataError.at(file, f"{name!r} is there twice in one group.")
            found[name] = _array(value, name) if name in ARRAYS and isinstance(value, list) else value
        return found

    def _array(value: list[Any], name: str) -> Any:
        try:
            return np.array(value, dtype=np.float64)
        except (ValueError, TypeError, OverflowError) as error:
            raise DataError.at(
                file, f"{name} is no array of numbers: {error}. Download or export the file again."
            ) from error

    try:
        return json.loads(file.read_bytes(), object_pairs_hook=pairs)
    except json.JSONDecodeError as error:
        raise DataError.at(
            file,
            f"column {error.colno}: {error.msg}: the file is cut short or damaged here. Download it again.",
            error.lineno,
        ) from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise DataError.at(file, f"is no JSON: {error}. Download it again.") from error
