"""The data's fingerprint: the SHA-256 of each file that a dataset reads."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from mabe_core.exchange import DataAccess
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


def _data_name(path: Path, access: DataAccess) -> str:
    for folder in access.folders:
        if path.is_relative_to(folder):
            return path.relative_to(folder).as_posix()
    return path.name


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
