"""Bouts of scored frames: where they begin and end, and which of them went worst."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Literal

import attrs
import numpy as np

from mabe_core.pages.classes import is_behaviour
from mabe_core.runs.scores import Frames, Stretch

if TYPE_CHECKING:
    from numpy.typing import NDArray

# bouts of each sort that a page names
WORST = 15
NOTHING = "no class"


@attrs.frozen(kw_only=True)
class BadBout:
    """A bout that was annotated and not found (`missed`), or predicted and not annotated (`false`), in part.

    place: number of its ethogram in the page, or None. start, stop: seconds of the recording. wrong: its
    labelled frames that are not of its class on the other side. instead: what most of these are there.
    others: the other runs of the setting in which the same bout went wrong, less so than in `member`.
    """

    sort: Literal["missed", "false"]
    member: str
    place: int | None
    recording: str
    individuals: tuple[str, ...]
    behaviour: str
    start: float
    stop: float
    frames: int
    wrong: int
    instead: str
    others: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """The time of the frames that are wrong."""
        return self.wrong * (self.stop - self.start) / self.frames


def runs(values: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return starts and stops of the stretches of equal values, in order."""
    if not len(values):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    changes = np.flatnonzero(values[1:] != values[:-1]) + 1
    starts = np.concatenate([[0], changes])
    return starts, np.concatenate([changes, [len(values)]])


def bad_bouts(
    member: str, place: int | None, stretch: Stretch, frames: Frames, classes: list[str]
) -> Iterator[BadBout]:
    """Yield the bouts of one stretch that have a wrong frame.

    Bouts of what is no behaviour are left out: what is wrong in them is so in a behaviour's too.
    """
    truth, predicted = frames.truth, frames.predicted
    for number, name in enumerate(classes):
        if not is_behaviour(name):
            continue
        labelled = truth[:, number] >= 0
        annotated, found = truth[:, number] == 1, (predicted[:, number] == 1) & labelled
        for sort, own, other, there in (
            ("missed", annotated, found, predicted == 1),
            ("false", found, annotated, truth == 1),
        ):
            starts, stops = runs(own)
            for start, stop in zip(starts, stops, strict=True):
                if not own[start]:
                    continue
                wrong = ~other[start:stop]
                if wrong.any():
                    yield BadBout(
                        sort=sort,  # type: ignore[arg-type]  # mypy widens the tuple's text
                        member=member,
                        place=place,
                        recording=stretch.recording,
                        individuals=tuple(stretch.individuals),
                        behaviour=name,
                        start=(stretch.start + int(start)) / stretch.fps,
                        stop=(stretch.start + int(stop)) / stretch.fps,
                        frames=int(stop - start),
                        wrong=int(wrong.sum()),
                        instead=_most(there[start:stop][wrong], number, classes),
                    )


def worst(bouts: Iterable[BadBout], sort: str) -> list[BadBout]:
    """Return the bouts of one sort with the longest time wrong, over all runs; the earliest of equals first.

    The same bout in several runs is one, as it is in the run where it is worst.
    """
    same: dict[tuple[object, ...], list[BadBout]] = {}
    for bout in bouts:
        if bout.sort == sort:
            key = (bout.recording, bout.individuals, bout.behaviour, bout.start, bout.stop)
            same.setdefault(key, []).append(bout)
    ranked = sorted(same.values(), key=lambda those: (-sum(each.seconds for each in those), those[0].start))
    return [_together(those) for those in ranked[:WORST]]


def _together(those: list[BadBout]) -> BadBout:
    first, *others = sorted(those, key=lambda bout: -bout.wrong)
    return attrs.evolve(first, others=tuple(bout.member for bout in others))


def _most(there: NDArray[np.bool_], own: int, classes: list[str]) -> str:
    """Return which other class is on most of these frames, if any is."""
    counts = there.sum(axis=0)
    counts[own] = 0
    return classes[int(counts.argmax())] if counts.any() else NOTHING
