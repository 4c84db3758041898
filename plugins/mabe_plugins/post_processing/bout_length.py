"""Gaps that are closed, and bouts that are too short to be one."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from mabe_core import DataShape, FittingContext, PostProcessing

from . import BoutLengthConfig, Fitted
from .choosing import Probabilities, best_setting

# one bout: first frame, frame after the last, class
Run = tuple[int, int, int]


def fit(config: BoutLengthConfig, context: FittingContext) -> Fitted:
    """Return {"closes": …, "shortest": …}, the seconds of best macro-F1."""
    settings = list(itertools.product(config.closes, config.shortest))
    closes, shortest = best_setting(settings, context, lambda both: _lengths(context.data, *both))
    return {"closes": closes, "shortest": shortest}


def build(data: DataShape, fitted: Fitted) -> PostProcessing:
    """Build the map."""
    return _lengths(data, float(fitted["closes"]), float(fitted["shortest"]))


def _lengths(data: DataShape, closes: float, shortest: float) -> PostProcessing:
    def map_exclusive(probability: Probabilities, fps: float) -> Probabilities:
        before = probability.argmax(axis=1)
        after = before.copy()
        for start, stop, number in kept(runs(before), closes * fps, shortest * fps):
            after[start:stop] = number
        return _won_by(probability, before, after)

    def map_each(probability: Probabilities, fps: float) -> Probabilities:
        found = probability.copy()
        for column in range(found.shape[1]):
            before = found[:, column] > 0.5
            after = long_bouts(closed(before, closes * fps), shortest * fps)
            changed = before != after
            found[changed, column] = 1 - found[changed, column]
        return found

    return map_exclusive if data.exclusive else map_each


def runs(labels: NDArray[np.int64]) -> list[Run]:
    """Return the bouts of a track (frames,), one after another."""
    edges = np.flatnonzero(np.diff(labels)) + 1
    starts, stops = [0, *edges.tolist()], [*edges.tolist(), len(labels)]
    return [(start, stop, int(labels[start])) for start, stop in zip(starts, stops, strict=True)]


def kept(bouts: list[Run], closes: float, shortest: float) -> list[Run]:
    """Return the bouts that are left; closes, shortest: in frames.

    What is at most `closes` long between two bouts of one class becomes that class. Then the shortest bout
    that is below `shortest` is given to the longer of its neighbours, until there is none or one is left.
    """
    bouts = _merged(
        [
            (start, stop, bouts[place - 1][2])
            if 0 < place < len(bouts) - 1
            and bouts[place - 1][2] == bouts[place + 1][2]
            and stop - start <= closes
            else (start, stop, number)
            for place, (start, stop, number) in enumerate(bouts)
        ]
    )
    while len(bouts) > 1:
        lengths = [stop - start for start, stop, _ in bouts]
        place = int(np.argmin(lengths))
        if lengths[place] >= shortest:
            break
        sides = [side for side in (place - 1, place + 1) if 0 <= side < len(bouts)]
        longer = max(sides, key=lambda side: lengths[side])
        bouts[place] = (*bouts[place][:2], bouts[longer][2])
        bouts = _merged(bouts)
    return bouts


def closed(present: NDArray[np.bool_], closes: float) -> NDArray[np.bool_]:
    """Return a class's track without the gaps between two bouts that are at most `closes` frames long."""
    found = present.copy()
    inner = [run for run in runs(present.astype(np.int64)) if run[0] > 0 and run[1] < len(present)]
    for start, stop, number in inner:
        found[start:stop] |= not number and stop - start <= closes
    return found


def long_bouts(present: NDArray[np.bool_], shortest: float) -> NDArray[np.bool_]:
    """Return a class's track without the bouts that are shorter than `shortest` frames."""
    found = present.copy()
    for start, stop, number in runs(present.astype(np.int64)):
        found[start:stop] &= bool(number) and stop - start >= shortest
    return found


def _merged(bouts: list[Run]) -> list[Run]:
    """Return bouts with neighbours of one class made one."""
    together: list[Run] = []
    for start, stop, number in bouts:
        if together and together[-1][2] == number:
            together[-1] = (together[-1][0], stop, number)
        else:
            together.append((start, stop, number))
    return together


def _won_by(probability: Probabilities, before: NDArray[np.int64], after: NDArray[np.int64]) -> Probabilities:
    """Return probabilities whose highest is that of `after`: where it changed, the two change places."""
    found = probability.copy()
    frames = np.flatnonzero(before != after)
    old, new = before[frames], after[frames]
    found[frames, new], found[frames, old] = probability[frames, old], probability[frames, new]
    # equals: the first wins, which may be the class that is to lose
    ties = frames[(found[frames].argmax(axis=1) != new)]
    found[ties, before[ties]] = np.nextafter(found[ties, before[ties]], 0)
    return found
