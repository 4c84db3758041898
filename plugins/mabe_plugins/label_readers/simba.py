"""Reads the target columns of a table that SimBA wrote: 0 and 1, a frame a row."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mabe_core import Annotation, Bout, DataError, did_you_mean
from mabe_plugins.simba_table import read_table

if TYPE_CHECKING:
    from mabe_plugins.label_readers import SimbaTargetsConfig


def read_targets(file: Path, config: SimbaTargetsConfig) -> Annotation:
    """Return the bouts of each target in frames; every frame was observed.

    Raises DataError naming line and column.
    """
    names, values = read_table(file)
    bouts: list[Bout] = []
    frames = Counter[str]()
    for target in config.targets:
        if target not in names:
            # a column of keypoints or features is no target
            likely = [name for name in names if not name.endswith(("_x", "_y", "_p"))]
            raise DataError.at(file, f"has no column {target!r}.{did_you_mean(target, likely[-20:])}", 1)
        column = names.index(target)
        shown = values[:, column]
        wrong = np.flatnonzero((shown != 0) & (shown != 1))
        if len(wrong):
            row = int(wrong[0])
            raise DataError.at(
                file, f"column {column + 2} ({target}) is {shown[row]:g}; a target is 0 or 1.", row + 2
            )
        edges = np.flatnonzero(np.diff(shown, prepend=0, append=0)).reshape(-1, 2)
        agent = config.agents.get(target, "")
        bouts += [
            Bout(target, int(start), int(stop), agent=agent, line=int(start) + 2) for start, stop in edges
        ]
        frames[target] = int(shown.sum())
    never = [target for target in config.targets if not frames[target]]
    notes = (f"targets without a frame: {', '.join(never)}",) if never else ()
    return Annotation(
        tuple(sorted(bouts, key=lambda bout: (bout.start, bout.stop))),
        unit="frames",
        observed=((0, len(values)),),
        notes=notes,
    )
