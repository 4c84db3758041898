"""Loads a plugin in a process of its own, and tells which heavy packages that imported, and by which line.

A script, run by its path: importing the package that it lies in would import torch.
"""

from __future__ import annotations

import importlib.abc
import json
import sys
import traceback
from pathlib import Path
from typing import Any

import mabe_core
from mabe_core.discovery import examine
from mabe_core.plugin_origins import source_of

HEAVY = (
    *("torch", "torchvision", "tensorflow", "keras", "jax", "transformers", "lightning"),
    *("numpy", "pandas", "polars", "pyarrow", "scipy", "sklearn", "statsmodels", "numba", "xgboost"),
    *("matplotlib", "seaborn", "plotly", "bokeh", "cv2", "PIL", "skimage", "h5py", "tables", "zarr"),
    *("modal", "mlflow", "tensorboardX", "tensorboard", "wandb", "sqlalchemy", "requests", "boto3"),
)
PUBLIC_SURFACE = str(mabe_core.__file__)


class Watch(importlib.abc.MetaPathFinder):
    """Notes who imports a heavy package for the first time, and finds nothing."""

    def __init__(self) -> None:
        self.noted: list[tuple[str, list[traceback.FrameSummary]]] = []

    def find_spec(self, fullname: str, *_: object) -> None:
        """Note the stack, the line nearest to the import first."""
        if fullname in HEAVY:
            self.noted.append((fullname, traceback.extract_stack()[::-1]))

    def of(self, source: Path) -> list[dict[str, Any]]:
        """Return what was imported by code that lies in `source`, and whether by way of mabe_core's names."""
        found = []
        for package, frames in self.noted:
            for number, frame in enumerate(frames):
                if Path(frame.filename).is_relative_to(source):
                    through = any(each.filename == PUBLIC_SURFACE for each in frames[:number])
                    line = {"file": frame.filename, "line": frame.lineno}
                    found.append({"package": package, "through_mabe": through, **line})
                    break
        return found


def main(request: str, answer: str) -> None:
    """Write what is imported when the plugin that is asked for is loaded."""
    watch = Watch()
    sys.meta_path.insert(0, watch)
    examined = examine(json.loads(request))
    source = source_of(examined.origin)
    Path(answer).write_text(json.dumps(watch.of(source) if source else []), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
