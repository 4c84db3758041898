"""Loads a plugin in a process of its own, and prints which heavy packages that imported, and by which line.

A script, run by its path: importing the package that it lies in would import torch.
"""

from __future__ import annotations

import importlib.abc
import json
import sys
import traceback
from pathlib import Path

from mabe_core.discovery import examine

HEAVY = ("torch", "modal", "numpy", "pandas", "h5py", "sklearn", "scipy", "mlflow", "tensorboardX")


class Watch(importlib.abc.MetaPathFinder):
    """Notes who imports a heavy package for the first time, and finds nothing."""

    def __init__(self, source: Path) -> None:
        self.source = source
        self.found: list[dict[str, object]] = []

    def find_spec(self, fullname: str, *_: object) -> None:
        """Note the plugin's own line, the one nearest to the import."""
        if fullname not in HEAVY:
            return
        frames = reversed(traceback.extract_stack())
        inside = [frame for frame in frames if Path(frame.filename).is_relative_to(self.source)]
        if inside:
            line = {"file": inside[0].filename, "line": inside[0].lineno}
            self.found.append({"package": fullname, **line})


def main(target: str, source: str) -> None:
    """Print a JSON list of what was imported by the plugin whose code lies in `source`."""
    watch = Watch(Path(source))
    sys.meta_path.insert(0, watch)
    examine(target)
    print(json.dumps(watch.found))


if __name__ == "__main__":
    main(*sys.argv[1:])
