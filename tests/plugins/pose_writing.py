"""Writes small files of the formats that are read, and puts components together as an experiment would."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mabe_core import Component

INDIVIDUALS = ("resident", "intruder")
KEYPOINTS = ("nose", "neck", "tail")


def resolved(specs: Sequence[Any], name: str, **settings: Any) -> Component[Any]:
    """Return a component as resolving an experiment would."""
    spec = next(spec for spec in specs if spec.name == name)
    return Component(name, settings, spec, spec.config(**settings))


def pose_frame(
    frames: int = 40,
    individuals: Sequence[str] = INDIVIDUALS,
    keypoints: Sequence[str] = KEYPOINTS,
    seed: int = 0,
) -> pd.DataFrame:
    """Return tracks as DeepLabCut keeps them; no individuals for its single-animal form."""
    levels = [["network"], *([list(individuals)] if individuals else []), list(keypoints)]
    names = ["scorer", *(["individuals"] if individuals else []), "bodyparts", "coords"]
    columns = pd.MultiIndex.from_tuples(
        list(itertools.product(*levels, ["x", "y", "likelihood"])), names=names
    )
    values = np.random.default_rng(seed).uniform(0.5, 1.0, (frames, len(columns)))
    spatial = columns.get_level_values("coords") != "likelihood"
    values[:, spatial] *= 1000
    return pd.DataFrame(values, columns=columns)


def write_csv(frame: pd.DataFrame, file: Path) -> Path:
    """Write tracks as DeepLabCut's CSV."""
    file.parent.mkdir(parents=True, exist_ok=True)
    frame.to_csv(file)
    return file


def write_h5(frame: pd.DataFrame, file: Path, form: str = "table") -> Path:
    """Write tracks as DeepLabCut's H5: pandas and PyTables do it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about names and speed; not ours to mend
        frame.to_hdf(file, key="df_with_missing", format=form, mode="w")
    return file


def write_boris(
    file: Path,
    events: Sequence[tuple[float, str, str, str]],
    length: float = 10.0,
    fps: float = 10.0,
) -> Path:
    """Write (time, subject, behaviour, status) events as BORIS 7 does; the first is on line 17."""
    head = [
        *("Observation id,first,,,,,,,", ",,,,,,,,", "Media file(s),,,,,,,,", ",,,,,,,,"),
        *(
            "Player #1,/film.avi,,,,,,,",
            ",,,,,,,,",
            "Observation date,2021-06-15 13:41:51,,,,,,,",
            ",,,,,,,,",
        ),
        *("Description,,,,,,,,", ",,,,,,,,", "Time offset (s),0.0,,,,,,,", ",,,,,,,,"),
        *("independent variables,,,,,,,,", "variable,value,,,,,,,", ",,,,,,,,"),
        "Time,Media file path,Total length,FPS,Subject,Behavior,Behavioral category,Comment,Status",
    ]
    rows = [
        f"{time:.3f},/film.avi,{length:.3f},{fps},{who},{what},,,{status}"
        for time, who, what, status in events
    ]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join([*head, *rows]) + "\n")
    return file


def write_caltech(
    file: Path,
    *streams: Sequence[tuple[int, int, str]],
    behaviours: Sequence[str] = ("attack", "mount", "other"),
) -> Path:
    """Write streams of (start, end, type) as the Caltech annotator does, line ends of Windows included.

    With three behaviours the first bout of S1 is on line 10.
    """
    lines = ["Caltech Behavior Annotator - Annotation File", "", "Configuration file:"]
    lines += [f"{name}\t{name[0]}" for name in behaviours]
    for number, bouts in enumerate(streams, start=1):
        lines += ["", f"S{number}:\tstart\tend\ttype", "-----------------------------"]
        lines += [f"   \t{start}\t{end}\t{name}" for start, end, name in bouts]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes("\r\n".join([*lines, "  ", ""]).encode())
    return file
