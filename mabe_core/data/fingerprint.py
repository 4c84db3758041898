"""Fingerprints of the data: SHA-256 of each file that a dataset reads, and of what a split made of it."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from mabe_core.errors import Location, Problem, UserError
from mabe_core.exchange import DataAccess, Dataset, Partition
from mabe_core.specs import Component, DatasetSpec


def fingerprint(dataset: Component[DatasetSpec[Any]], access: DataAccess) -> dict[str, str]:
    """Return the hash of each file that the dataset reads, by its name in the data folder."""
    assert dataset.spec is not None, "the experiment is resolved"
    if dataset.spec.sources is None:
        return {}
    return {
        _data_name(path, access): _sha256(path)
        for path in sorted(dataset.spec.sources(dataset.config, access))
    }


def partition_fingerprint(dataset: Dataset, partition: Partition) -> str:
    """Return the hash of a partition's segments in their order, recordings by their names."""
    segments = [
        [dataset.recordings[each.recording].name, each.recording, each.start, each.stop, each.role]
        for each in partition.segments
    ]
    return hashlib.sha256(json.dumps(segments, default=int).encode()).hexdigest()


def _data_name(path: Path, access: DataAccess) -> str:
    """Return the name below the nearest data folder, so that it does not depend on the folders around it."""
    place = Path(os.path.abspath(path))  # noqa: PTH100 - links stay as they are
    folders = [Path(os.path.abspath(folder)) for folder in access.folders]  # noqa: PTH100
    around = [folder for folder in folders if place.is_relative_to(folder)]
    if not around:
        return path.name
    return place.relative_to(max(around, key=lambda folder: len(folder.parts))).as_posix()


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(Problem(f"cannot be read: {error.strerror}", Location(str(path)))) from error
