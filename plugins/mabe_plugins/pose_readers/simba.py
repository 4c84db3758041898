"""Reads the keypoints in a table that SimBA wrote: Nose_1_x, Nose_1_y, Nose_1_p, …, features, targets."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mabe_core import DataError, PoseTracks, did_you_mean
from mabe_plugins.pose_readers.dlc_tracks import ONLY_INDIVIDUAL
from mabe_plugins.pose_readers.doubtful import drop_doubtful
from mabe_plugins.simba_table import EXPECTED, read_table

if TYPE_CHECKING:
    from mabe_plugins.pose_readers import SimbaConfig

COORDS = ("x", "y", "p")


def read_simba(file: Path, config: SimbaConfig) -> PoseTracks:
    """Return the tracks; raises DataError naming line and column."""
    names, values = read_table(file)
    place = {name: number for number, name in enumerate(names)}
    parts = [name[:-2] for name in names if name.endswith("_p")]
    half = [f"{part}_{coord}" for part in parts for coord in COORDS if f"{part}_{coord}" not in place]
    if not parts or half:
        what = f"columns are missing: {', '.join(half[:5])}" if parts else "no column ends in _p"
        raise DataError.at(file, f"{what}; {EXPECTED}.", 1)
    layout = _layout(parts, config.animals, file)
    keypoints = tuple(layout[next(iter(layout))])
    order = [
        [[place[f"{part}_{coord}"] for coord in COORDS] for part in own.values()] for own in layout.values()
    ]
    found = values[:, np.array(order)]
    bad = np.isinf(found)
    bad[..., 2] |= (found[..., 2] < 0) | (found[..., 2] > 1)
    if bad.any():
        row, who, part, coord = np.argwhere(bad)[0]
        column = order[who][part][coord]
        why = " A probability lies between 0 and 1: are columns swapped?" * int(coord == 2)
        raise DataError.at(
            file,
            f"column {column + 2} ({names[column]}) is {found[row, who, part, coord]:g}.{why}",
            int(row) + 2,
        )
    points = np.ascontiguousarray(found[..., :2])
    confidence = np.nan_to_num(found[..., 2])
    notes = drop_doubtful(points, confidence, config.min_confidence, file)
    return PoseTracks(points, tuple(layout), keypoints, confidence, notes=notes)


def _layout(parts: Sequence[str], animals: Sequence[str], file: Path) -> dict[str, dict[str, str]]:
    """Return of each animal its keypoints, each with the body part's name in the file."""
    if not animals:
        numbers = [re.search(r"_(\d+)$", part) for part in parts]
        animals = tuple(dict.fromkeys(number[1] for number in numbers if number))
        if not all(numbers):
            return {ONLY_INDIVIDUAL: {part: part for part in parts}}
    layout: dict[str, dict[str, str]] = {animal: {} for animal in animals}
    for part in parts:
        whose = [name for name in animals if part.startswith(f"{name}_") or part.endswith(f"_{name}")]
        if len(whose) != 1:
            told = "none" if not whose else " and ".join(whose)
            raise DataError.at(
                file, f"body part {part!r} belongs to {told} of the animals {', '.join(animals)}.", 1
            )
        (animal,) = whose
        keypoint = (
            part.removeprefix(f"{animal}_") if part.startswith(f"{animal}_") else part[: -len(animal) - 1]
        )
        layout[animal][keypoint] = part
    first = layout[animals[0]]
    for animal, own in layout.items():
        if set(own) != set(first):
            differing = sorted(set(own) ^ set(first))
            hint = did_you_mean(differing[0], list(first)) if own else ""
            raise DataError.at(
                file,
                f"animal {animal!r} has other body parts than {animals[0]!r}: {', '.join(differing)}.{hint}",
                1,
            )
    return {animal: {keypoint: own[keypoint] for keypoint in first} for animal, own in layout.items()}
