"""The score of the MABe challenge 2025: F-beta of frames, averaged over a lab's actions, then over labs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import attrs
from attrs.validators import ge

from mabe_core import UserError

Key = tuple[str, str, str, str]


@attrs.frozen
class Interval:
    """Frames [start, stop) of a video in which an agent does something to a target (itself: "self")."""

    video: str
    agent: str
    target: str
    action: str
    start: int = attrs.field(validator=ge(0))
    stop: int = attrs.field()

    @stop.validator
    def _comes_after(self, _: object, value: int) -> None:
        if value <= self.start:
            raise ValueError(f"an interval stops at {value}, and starts at {self.start}")

    @property
    def key(self) -> Key:
        return (self.video, self.agent, self.target, self.action)


@attrs.frozen
class Video:
    """A video's lab, and what was looked for in it: (agent, target, action)."""

    lab: str
    listed: frozenset[tuple[str, str, str]]


def f_beta(
    truth: Iterable[Interval], found: Iterable[Interval], videos: Mapping[str, Video], beta: float = 1.0
) -> float:
    """Return the mean over labs of the mean over the lab's labelled actions of F.

    F = (1 + beta²) TP / ((1 + beta²) TP + beta² FN + FP), counts of frames summed over the lab's videos,
    agents and targets. What a video does not list does not count; nor do actions that are never labelled in
    a lab, nor labs without a label.
    Raises UserError where a video is unknown, or two actions of one agent and target share a frame.
    """
    labelled, predicted = _frames(truth, videos), _frames(found, videos)
    _check_one_action(predicted)
    counts: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for key in {*labelled, *predicted}:
        wanted, given = labelled.get(key, []), predicted.get(key, [])
        right = _common(wanted, given)
        sums = counts[videos[key[0]].lab, key[3]]
        for place, more in enumerate((right, _length(given) - right, _length(wanted) - right)):
            sums[place] += more
    scores: defaultdict[str, list[float]] = defaultdict(list)
    for lab, action in sorted({(videos[key[0]].lab, key[3]) for key in labelled}):
        right, false, missed = counts[lab, action]
        weighted = (1 + beta**2) * right
        scores[lab].append(weighted / (weighted + beta**2 * missed + false))
    means = [sum(each) / len(each) for each in scores.values()]
    return sum(means) / len(means) if means else 0.0


def _frames(intervals: Iterable[Interval], videos: Mapping[str, Video]) -> dict[Key, list[tuple[int, int]]]:
    """Return for each key that its video lists the stretches of frames, in order, none touching another."""
    by_key: defaultdict[Key, list[tuple[int, int]]] = defaultdict(list)
    for interval in intervals:
        if interval.video not in videos:
            raise UserError(f"no video is named {interval.video!r}.")
        if interval.key[1:] in videos[interval.video].listed:
            by_key[interval.key].append((interval.start, interval.stop))
    return {key: _merged(stretches) for key, stretches in by_key.items()}


def _merged(stretches: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, stop in sorted(stretches):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return merged


def _length(stretches: Iterable[tuple[int, int]]) -> int:
    return sum(stop - start for start, stop in stretches)


def _common(one: Sequence[tuple[int, int]], other: Sequence[tuple[int, int]]) -> int:
    """Return how many frames two lists of stretches share."""
    shared, place, against = 0, 0, 0
    while place < len(one) and against < len(other):
        start = max(one[place][0], other[against][0])
        stop = min(one[place][1], other[against][1])
        shared += max(stop - start, 0)
        if one[place][1] < other[against][1]:
            place += 1
        else:
            against += 1
    return shared


def _check_one_action(predicted: Mapping[Key, Sequence[tuple[int, int]]]) -> None:
    by_pair: defaultdict[tuple[str, str, str], list[tuple[int, int, str]]] = defaultdict(list)
    for (video, agent, target, action), stretches in predicted.items():
        by_pair[video, agent, target] += [(start, stop, action) for start, stop in stretches]
    for (video, agent, target), found in by_pair.items():
        for before, after in pairwise(sorted(found)):
            if after[0] < before[1]:
                raise UserError(
                    f"video {video}: {agent} is predicted to do both {before[2]} and {after[2]} to {target} "
                    f"in frame {after[0]}. An agent can be predicted to do one thing to a target at a time."
                )
