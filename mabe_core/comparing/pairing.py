"""Which recordings two groups of runs both scored, and with the same truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

from mabe_core.comparing.groups import Group
from mabe_core.comparing.tried import Tried
from mabe_core.runs.scores import Stretch

# which stretch of frames, and by whose eyes
Key = tuple[str, tuple[str, ...], int, int]
Scored = Mapping[Key, Stretch]
# the runs of one seed, one a fold; a seed that was run twice counts twice
Replicate = tuple[str, int]


class NotComparableError(ValueError):
    """Two groups whose difference says nothing; the message says why."""


@attrs.frozen(eq=False)
class Pairs:
    """What both groups scored, seed by seed: the first group's stretches and the second's, in the same order.

    recordings: their names, those that are drawn from. replicates: of each seed, pairs of stretches.
    left_out: recordings that one of them alone scored. seeds: how many of each group's were used.
    """

    recordings: tuple[str, ...]
    replicates: tuple[tuple[tuple[Stretch, ...], tuple[Stretch, ...]], ...]
    left_out: int
    notes: tuple[str, ...]

    @property
    def stretches(self) -> int:
        return sum(len(first) for first, _ in self.replicates)


def pair(first: Group, second: Group) -> Pairs:
    """Pair what two groups scored, by recording, individuals and frames; seed by seed where they share any.

    Raises NotComparableError where there is nothing to pair, or a pair was scored against other truth.
    """
    for group in (first, second):
        if any(run.whole is None for run in group.runs):
            raise NotComparableError("no scores a recording: `mabe evaluate` makes them")
    parts = {run.part for group in (first, second) for run in group.runs}
    if len(parts) > 1:
        raise NotComparableError(f"scored on other parts: {' and '.join(sorted(parts))}")
    classes = {tuple(run.whole.classes) for group in (first, second) for run in group.runs if run.whole}
    if len(classes) > 1:
        raise NotComparableError("other classes")
    ours, theirs = _replicates(first), _replicates(second)
    shared = [each for each in ours if each in theirs]
    notes = []
    if shared:
        lone = len(ours) + len(theirs) - 2 * len(shared)
        notes += [f"{lone} seed{'s' if lone > 1 else ''} that one of them lacks left out"] if lone else []
        matched: list[tuple[Scored, Scored]] = [(ours[each], theirs[each]) for each in shared]
    else:
        matched = _crossed(list(ours.values()), list(theirs.values()))
        notes.append("no seed in common, so each one's own are averaged")
    replicates = []
    lonely: set[str] = set()
    for one, other in matched:
        keys = [key for key in one if key in other]
        lonely |= {key[0] for key in {*one, *other} - set(keys)}
        _check_truth(one, other, keys)
        replicates.append((tuple(one[key] for key in keys), tuple(other[key] for key in keys)))
    names = dict.fromkeys(each.recording for stretches, _ in replicates for each in stretches)
    if not names:
        raise NotComparableError("no recording that both scored")
    return Pairs(tuple(sorted(names)), tuple(replicates), len(lonely - set(names)), tuple(notes))


def confusions(stretches: Sequence[Stretch], recordings: Sequence[str]) -> NDArray[np.int64]:
    """Return (recordings, classes, classes): the counts of each recording, zero where it has none."""
    classes = len(stretches[0].counts)
    found = np.zeros((len(recordings), classes, classes), dtype=np.int64)
    place = {name: number for number, name in enumerate(recordings)}
    for each in stretches:
        found[place[each.recording]] += np.array(each.confusion, dtype=np.int64)
    return found


def _replicates(group: Group) -> dict[Replicate, dict[Key, Stretch]]:
    """Return of each seed what its folds scored, pooled."""
    found: dict[Replicate, dict[Key, Stretch]] = {}
    seen: dict[tuple[str, str], int] = {}
    for run in group.runs:
        fold = (repr(run.seed), repr(run.fold))
        turn = seen[fold] = seen.get(fold, -1) + 1
        of_seed = found.setdefault((repr(run.seed), turn), {})
        for key, stretch in _keyed(run).items():
            if key in of_seed:
                raise NotComparableError(f"{key[0]} is scored by two folds of {run.run.id}'s seed")
            of_seed[key] = stretch
    return found


def _keyed(run: Tried) -> dict[Key, Stretch]:
    assert run.whole is not None
    stretches = run.whole.stretches.get(run.whole.held_out, ())
    return {(each.recording, tuple(each.individuals), each.start, each.stop): each for each in stretches}


def _crossed(ours: Sequence[Scored], theirs: Sequence[Scored]) -> list[tuple[Scored, Scored]]:
    """Return each seed of one with each of the other; only what all scored, so that each counts alike."""
    common = set.intersection(*(set(each) for each in (*ours, *theirs)))
    kept = [[{key: each[key] for key in each if key in common} for each in side] for side in (ours, theirs)]
    return [(one, other) for one in kept[0] for other in kept[1]]


def _check_truth(one: Scored, other: Scored, keys: Sequence[Key]) -> None:
    for key in keys:
        if _truth(one[key]) != _truth(other[key]):
            raise NotComparableError(f"scored against other labels, in {key[0]}")


def _truth(stretch: Stretch) -> list[int]:
    """Return the labelled frames that hold each class: true positives and false negatives."""
    return [hit + missed for hit, _, missed in stretch.counts]
