"""What a split promises: no frame in two parts, nothing of validation near training."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from mabe_core.errors import UserError
from mabe_core.exchange import ROLES, Partition, Recording, Segment, SplitContext
from mabe_core.testing.findings import Fault, NotAsked, Subject, Suite
from mabe_core.testing.samples import recordings
from mabe_core.training.checks import partition_faults

CONTEXT = SplitContext(window_span=32, seed=3, classes=("attack", "mount", "other"))


def prepare(subject: Subject) -> Subject:
    """See that it can be built."""
    subject.build()
    return subject


def _split(subject: Subject, given: tuple[Recording, ...] | None = None) -> Partition:
    try:
        partition = subject.build()(recordings() if given is None else given, CONTEXT)
    except UserError as error:
        raise NotAsked(f"it refuses the sample recordings: {error}") from error
    if not isinstance(partition, Partition):
        raise Fault(f"it gave {type(partition).__name__}, not a Partition")
    return partition


def segments_lie_in_their_recordings(subject: Subject) -> str:
    """Segments are within their recordings, share no frame, and leave something for each part."""
    partition = _split(subject)
    for fault in partition_faults(recordings(), partition):
        raise Fault(f"it gave {fault}")
    counts = {role: len(partition.of(role)) for role in ("train", "validation", "test")}
    for role in ("train", "validation"):
        if not counts[role]:
            raise Fault(f"it leaves nothing for {role}")
    return ", ".join(f"{count} segments for {role}" for role, count in counts.items() if count)


def _cut(partition: Partition) -> Iterator[tuple[Segment, Segment]]:
    """Yield neighbours in one recording that are of different parts."""
    ordered = sorted(partition.segments, key=lambda segment: (segment.recording, segment.start))
    for one, other in pairwise(ordered):
        if one.recording == other.recording and one.role != other.role:
            yield one, other


def no_window_reaches_across(subject: Subject) -> None:
    """Between parts of one recording at least a window's span of frames is left out."""
    for one, other in _cut(_split(subject)):
        gap = other.start - one.stop
        if gap < CONTEXT.window_span:
            raise Fault(
                f"{gap} frames lie between {one.role} and {other.role} in recording {one.recording}: "
                f"leave at least window_span ({CONTEXT.window_span}) out, or windows see the other part"
            )


def a_cut_recording_is_told(subject: Subject) -> None:
    """Where a recording is in two parts, `notice` says so beside every score."""
    partition = _split(subject)
    if any(_cut(partition)) and not partition.notice:
        raise Fault("it cuts recordings, so `notice` has to say what the scores are worth")


def the_seed_alone_decides(subject: Subject) -> None:
    """The same seed gives the same parts, whatever was drawn by chance before."""
    first = _split(subject)
    states = random.getstate(), np.random.get_state()
    random.seed(98)
    np.random.seed(98)
    try:
        second = _split(subject)
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
    if first != second:
        raise Fault("the same seed gives other parts: draw from random.Random(context.seed)")


def recordings_are_left_as_they_were(subject: Subject) -> None:
    """Nothing is written into the points and labels that it is given."""
    given = recordings()
    _split(subject, given)
    for before, after in zip(recordings(), given, strict=True):
        labels = zip(before.views, after.views, strict=True)
        if not all(np.array_equal(one.labels, other.labels) for one, other in labels):
            raise Fault(f"it writes into the labels of {before.name}, which are trained on: work on a copy")
        if not np.array_equal(before.points, after.points, equal_nan=True):
            raise Fault(f"it writes into the points of {before.name}, which are trained on: work on a copy")


def values(subject: Subject) -> Iterator[tuple[int, ...]]:
    """Yield the segments."""
    yield from _numbers(_split(subject))


def elsewhere(subject: Subject) -> Iterator[tuple[int, ...]]:
    """Yield the segments of many recordings: of a few, two orders of a set may give the same."""
    yield from _numbers(_split(subject, recordings(40)))


def _numbers(partition: Partition) -> Iterator[tuple[int, ...]]:
    for segment in partition.segments:
        yield segment.recording, segment.start, segment.stop, ROLES.index(segment.role)


SUITE = Suite(
    (
        segments_lie_in_their_recordings,
        no_window_reaches_across,
        a_cut_recording_is_told,
        the_seed_alone_decides,
        recordings_are_left_as_they_were,
    ),
    prepare,
    values,
    elsewhere,
)
