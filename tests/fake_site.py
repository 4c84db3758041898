"""Lays out plugins as files and as installed distributions, for tests that find them."""

from __future__ import annotations

from pathlib import Path

GOOD = """\
import attrs
from mabe_core import ModelSpec, hookimpl

@attrs.frozen
class Config:
    "A model."
    width: int = 3

def build(config, data):
    raise AssertionError

@hookimpl
def mabe_models():
    return [ModelSpec(name="mine", config=Config, build=build)]
"""


def plugin(folder: Path, text: str, name: str = "plug.py") -> Path:
    """Write one plugin file."""
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def installed(folder: Path, distribution: str, module: str, text: str) -> None:
    """Lay out an installed distribution with one plugin, as pip would."""
    plugin(folder, text, f"{module}.py")
    info = folder / f"{distribution.replace('-', '_')}-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(f"[mabe]\n{module} = {module}\n")
