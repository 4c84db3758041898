"""Reading and resolving an experiment imports nothing heavy."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
import mabe_core.experiment
assert "cattrs" not in sys.modules, "cattrs is imported only when an experiment is resolved"
from mabe_core.experiment import read_text, resolve, to_text
from mabe_core.registry import Registry
try:
    resolve(read_text("name: x"), Registry([]))
except ValueError:
    pass
heavy = {"torch", "modal", "pandas", "numpy", "rich"} & sys.modules.keys()
assert not heavy, heavy
"""


def test_nothing_heavy_is_imported() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
