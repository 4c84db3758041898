"""What the tests of comparing share: a split with folds, as a plugin has it."""

from __future__ import annotations

from pathlib import Path

import pytest

FOLDED = '''
"""A split with folds; only its config counts here."""

import attrs

from mabe_core import SplitSpec, hookimpl


@attrs.frozen(kw_only=True)
class FoldedConfig:
    """Folds of recordings."""

    fold: int = attrs.field(default=0, metadata={"help": "which"})


def build(config):
    raise NotImplementedError


@hookimpl
def mabe_splits():
    return [SplitSpec(name="folded", config=FoldedConfig, build=build)]
'''


@pytest.fixture
def folds_split(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a plugin file whose split has a field `fold`."""
    file = tmp_path_factory.mktemp("plugins") / "folded.py"
    file.write_text(FOLDED)
    return file
