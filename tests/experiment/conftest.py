"""What the tests of this room share: a registry of made-up components, and files to load."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mabe_core import UserError
from mabe_core.experiment import Document, Experiment, read_document, resolve
from mabe_core.registry import Registry

from .fake_components import SMALL, SPECS, registry_of


@pytest.fixture(scope="session")
def registry() -> Registry:
    return registry_of(SPECS)


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Write files beside one another in a folder that is also the working directory; return the first."""
    monkeypatch.chdir(tmp_path)

    def write(first: str = SMALL, **others: str) -> Path:
        for name, text in others.items():
            Path(f"{name}.yaml").write_text(text, encoding="utf-8")
        Path("e.yaml").write_text(first, encoding="utf-8")
        return Path("e.yaml")

    return write


@pytest.fixture
def load(write: Callable[..., Path], registry: Registry) -> Callable[..., Experiment]:
    """Write an experiment, read it with overrides, and resolve it."""

    def load(first: str = SMALL, *overrides: str, **others: str) -> Experiment:
        return resolve(read_document(write(first, **others), overrides), registry)

    return load


@pytest.fixture
def document(write: Callable[..., Path]) -> Callable[..., Document]:
    """Write an experiment and read it with overrides."""

    def document(first: str = SMALL, *overrides: str, **others: str) -> Document:
        return read_document(write(first, **others), overrides)

    return document


@pytest.fixture
def complaints(load: Callable[..., Experiment]) -> Callable[..., list[str]]:
    """Load an experiment that is wrong and return what is told."""

    def complaints(first: str = SMALL, *overrides: str, **others: str) -> list[str]:
        with pytest.raises(UserError) as caught:
            load(first, *overrides, **others)
        return str(caught.value).splitlines()

    return complaints
