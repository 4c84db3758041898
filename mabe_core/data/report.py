"""The import report: what a dataset holds, told before it is trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from mabe_core.exchange import ROLES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mabe_core.exchange import Dataset, Partition, Recording

SHOWN = 12


@attrs.frozen
class PartReport:
    """What one part of a split holds, in frames of all its views.

    segments: stretches of recordings; frames: labelled or not, of the recordings.
    """

    recordings: int
    segments: int
    frames: int
    class_frames: Mapping[str, int]
    unlabelled: int


@attrs.frozen
class ImportReport:
    """What a dataset holds.

    frames: of all recordings together; fps, individuals, keypoints: each kind that occurs, with the number of
        recordings that have it.
    view_frames: frames that could be labelled, one for each frame of each view.
    class_frames: labelled frames a class; unlabelled: frames of a view without a label for any class.
    missing: share of points that are missing.
    looked_for: where frames may have several classes, the frames of views that are labelled for each of them,
        whether they show it or not.
    parts: what a split makes of it, by role.
    notice: what the split says beside every score.
    """

    recordings: int
    frames: int
    seconds: float
    fps: Mapping[float, int]
    individuals: Mapping[tuple[str, ...], int]
    keypoints: Mapping[tuple[str, ...], int]
    views: int
    view_frames: int
    class_frames: Mapping[str, int]
    unlabelled: int
    missing: float
    looked_for: Mapping[str, int] | None = None
    notes: tuple[str, ...] = ()
    parts: Mapping[str, PartReport] = attrs.field(factory=dict)
    notice: str = ""

    def lines(self) -> list[str]:
        """Return the report as plain lines of text."""
        return [
            f"recordings    {self.recordings}, {_count(self.frames)} frames, {_duration(self.seconds)}",
            f"frames/s      {_kinds({f'{fps:g}': n for fps, n in self.fps.items()})}",
            f"individuals   {_kinds({', '.join(names): n for names, n in self.individuals.items()})}",
            f"keypoints     {_kinds({', '.join(names): n for names, n in self.keypoints.items()})}",
            f"missing       {self.missing:.1%} of points",
            *([f"views         {self.views}"] if self.views != self.recordings else []),
            *_classes(self.class_frames, self.view_frames, self.looked_for),
            f"unlabelled    {_share(self.unlabelled, self.view_frames)}",
            *(_part(role, part) for role, part in self.parts.items()),
            *([f"split         {self.notice}"] if self.notice else []),
            *(f"note          {note}" for note in self.notes),
        ]

    def as_dict(self) -> dict[str, Any]:
        """Return the report as what JSON can hold."""
        plain = attrs.asdict(self)
        for name in ("fps", "individuals", "keypoints"):
            values = getattr(self, name)
            plain[name] = [
                {"value": list(value) if isinstance(value, tuple) else value, "recordings": count}
                for value, count in values.items()
            ]
        plain["notes"] = list(self.notes)
        return plain


def import_report(dataset: Dataset, partition: Partition | None = None) -> ImportReport:
    """Count what a dataset holds, and what each part of a split does."""
    recordings = dataset.recordings
    tracks = [view.labels for recording in recordings for view in recording.views]
    missing = sum(int(np.isnan(recording.points).any(axis=-1).sum()) for recording in recordings)
    points = sum(int(np.prod(recording.points.shape[:-1])) for recording in recordings)
    class_frames, unlabelled = _labelled(tracks, dataset.classes)
    return ImportReport(
        recordings=len(recordings),
        frames=sum(recording.frames for recording in recordings),
        seconds=sum(recording.frames / recording.fps for recording in recordings),
        fps=Counter(recording.fps for recording in recordings),
        individuals=Counter(recording.individuals for recording in recordings),
        keypoints=Counter(recording.keypoints for recording in recordings),
        views=len(tracks),
        view_frames=sum(len(track) for track in tracks),
        class_frames=class_frames,
        unlabelled=unlabelled,
        missing=missing / points if points else 0.0,
        looked_for=None if dataset.exclusive else _looked_for(tracks, dataset.classes),
        notes=dataset.notes,
        parts=_parts(dataset, partition) if partition else {},
        notice=partition.notice if partition else "",
    )


def _labelled(tracks: Iterable[NDArray[np.int8]], classes: tuple[str, ...]) -> tuple[dict[str, int], int]:
    """Return the frames of each class, and those without a label for any."""
    frames = np.zeros(len(classes), dtype=np.int64)
    unlabelled = 0
    for track in tracks:
        frames += (track == 1).sum(axis=0)
        unlabelled += int((track < 0).all(axis=1).sum())
    return dict(zip(classes, map(int, frames), strict=True)), unlabelled


def _looked_for(tracks: Iterable[NDArray[np.int8]], classes: tuple[str, ...]) -> dict[str, int]:
    """Return the frames that are labelled for each class, whether they show it or not."""
    frames = np.zeros(len(classes), dtype=np.int64)
    for track in tracks:
        frames += (track >= 0).sum(axis=0)
    return dict(zip(classes, map(int, frames), strict=True))


def _parts(dataset: Dataset, partition: Partition) -> dict[str, PartReport]:
    parts: dict[str, PartReport] = {}
    for role in ROLES:
        segments = partition.of(role)
        if segments:
            tracks = [
                view.labels[segment.start : segment.stop]
                for segment in segments
                for view in _recording(dataset, segment.recording).views
            ]
            parts[role] = PartReport(
                len({segment.recording for segment in segments}),
                len(segments),
                sum(segment.stop - segment.start for segment in segments),
                *_labelled(tracks, dataset.classes),
            )
    return parts


def _recording(dataset: Dataset, number: int) -> Recording:
    return dataset.recordings[number]


def _count(number: int) -> str:
    return f"{number:,}"


def _share(part: int, whole: int) -> str:
    return f"{_count(part)} frames ({part / whole:.1%})" if whole else "0 frames"


def _duration(seconds: float) -> str:
    hours, rest = divmod(round(seconds), 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {left:02} s"


def _kinds(counts: Mapping[str, int]) -> str:
    """Return the one kind that there is, or each with the number of its recordings."""
    if len(counts) == 1:
        return next(iter(counts))
    told = [f"{kind} ({count} recordings)" for kind, count in counts.items()][:SHOWN]
    return "; ".join(told) + f"; and {len(counts) - SHOWN} more" * (len(counts) > SHOWN)


def _classes(frames: Mapping[str, int], whole: int, looked_for: Mapping[str, int] | None) -> list[str]:
    width = max(map(len, frames), default=0)
    return [
        f"class         {name:<{width}}  "
        + (
            _share(count, whole)
            if looked_for is None
            else f"{_share(count, looked_for[name])} of {_count(looked_for[name])} labelled for it"
        )
        for name, count in frames.items()
    ]


def _part(role: str, part: PartReport) -> str:
    classes = ", ".join(f"{name} {_count(count)}" for name, count in part.class_frames.items())
    where = f"{part.recordings} recordings" if part.recordings != 1 else "1 recording"
    if part.segments != part.recordings:
        where += f" in {part.segments} segments"
    return (
        f"{role:<13} {where}, {_count(part.frames)} frames: {classes}, unlabelled {_count(part.unlabelled)}"
    )
