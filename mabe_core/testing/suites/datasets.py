"""What a dataset promises: recordings in exchange.py's form, the same each time, and their files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

import attrs
import numpy as np

from mabe_core.exchange import UNLABELLED, Dataset
from mabe_core.specs import DatasetSpec
from mabe_core.testing.findings import Fault, NotAsked, Subject, Suite
from mabe_core.training.checks import dataset_faults


@attrs.frozen(eq=False)
class DatasetCase:
    """A dataset component, and what it built."""

    subject: Subject
    dataset: Dataset


def prepare(subject: Subject) -> DatasetCase:
    """Build the dataset."""
    return DatasetCase(subject, _build(subject))


def _build(subject: Subject) -> Dataset:
    dataset = subject.build(subject.access)
    if not isinstance(dataset, Dataset):
        raise Fault(f"build returned {type(dataset).__name__}, not a Dataset")
    return dataset


def recordings_keep_their_form(case: DatasetCase) -> str:
    """Points, views and labels have the shapes and number formats of exchange.py; names are unique."""
    dataset = case.dataset
    told = list(dataset_faults(dataset))
    if told:
        more = f", and {len(told) - 5} more" if len(told) > 5 else ""
        raise Fault(f"it gave {'; '.join(told[:5])}{more}")
    for recording in dataset.recordings:
        if np.isinf(recording.points).any():
            raise Fault(f"{recording.name} has infinite points: a missing point is NaN")
        confidence = recording.confidence
        if confidence is not None and confidence.shape != recording.points.shape[:3]:
            raise Fault(
                f"{recording.name} has confidence {confidence.shape}, not {recording.points.shape[:3]}"
            )
    return f"{len(dataset.recordings)} recordings, {len(dataset.classes)} classes"


def labels_are_one_zero_or_unlabelled(case: DatasetCase) -> None:
    """Labels are 1, 0 or -1; where classes exclude each other, a frame has one of them or no label at all."""
    dataset = case.dataset
    for recording in dataset.recordings:
        for view in recording.views:
            found = sorted(set(np.unique(view.labels).tolist()) - {0, 1, UNLABELLED})
            if found:
                raise Fault(f"{recording.name} has the label {found[0]}, which is not 1, 0 or -1")
            unlabelled = (view.labels == UNLABELLED).any(axis=1)
            wrong = (view.labels == 1).sum(axis=1) != 1
            if dataset.exclusive and (wrong & ~unlabelled).any():
                frame = int((wrong & ~unlabelled).argmax())
                raise Fault(
                    f"frame {frame} of {recording.name} has {int((view.labels[frame] == 1).sum())} classes, "
                    "but `exclusive` says one"
                )


def it_repeats(case: DatasetCase) -> None:
    """Built twice it gives the same bits, whatever was drawn by chance in between."""
    first = case.dataset
    state = np.random.get_state()
    np.random.seed(12345)
    try:
        second = _build(case.subject)
    finally:
        np.random.set_state(state)
    if [each.name for each in first.recordings] != [each.name for each in second.recordings]:
        raise Fault("the second time it gives other recordings, or in another order")
    for one, other in zip(first.recordings, second.recordings, strict=True):
        same = np.array_equal(one.points, other.points, equal_nan=True) and all(
            np.array_equal(a.labels, b.labels) for a, b in zip(one.views, other.views, strict=True)
        )
        if not same:
            raise Fault(f"the second time {one.name} is another: draw from a generator seeded by the config")


def sources_are_files(case: DatasetCase) -> str:
    """`sources` names files that are there, so that changed data is noticed."""
    sources = cast("DatasetSpec[object]", case.subject.spec).sources
    if sources is None:
        raise NotAsked("no `sources`: data that is generated")
    files: Sequence[object] = sources(case.subject.component.config, case.subject.access)
    missing = [str(file) for file in files if not getattr(file, "is_file", bool)()]
    if missing or not files:
        raise Fault(f"`sources` names {missing[0] if missing else 'nothing'}, which is no file")
    return f"{len(files)} files"


def values(case: DatasetCase) -> Iterator[object]:
    """Yield the points and labels of the first recording, and how many there are."""
    yield float(len(case.dataset.recordings))
    first = case.dataset.recordings[0]
    yield first.points
    yield from (view.labels for view in first.views)


def elsewhere(case: DatasetCase) -> Iterator[object]:
    """Yield the points and labels of every recording."""
    for recording in case.dataset.recordings:
        yield recording.points
        yield from (view.labels for view in recording.views)


SUITE = Suite(
    (recordings_keep_their_form, labels_are_one_zero_or_unlabelled, it_repeats, sources_are_files),
    prepare,
    values,
    elsewhere,
)
