"""Puts the videos of the challenge together as a dataset."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import attrs
import numpy as np

from mabe_core import DataAccess, DataError, Dataset, Recording, did_you_mean
from mabe_plugins.faults import Faults
from mabe_plugins.mabe_kaggle.labelling import Labelled, annotated_fps, labelled_views, unlabelled_views
from mabe_plugins.mabe_kaggle.subjects import subjects
from mabe_plugins.mabe_kaggle.table import Video, read_videos
from mabe_plugins.mabe_kaggle.tracking import Tracking, read_tracking

if TYPE_CHECKING:
    from mabe_plugins.mabe_kaggle import MabeKaggleConfig


@attrs.frozen(eq=False)
class _Read:
    video: Video
    recording: Recording
    tracking: Tracking
    labelled: Labelled


def read_dataset(config: MabeKaggleConfig, access: DataAccess) -> Dataset:
    """Read the videos; points are in centimetres. Groups: lab, subject (mice that were filmed together).

    Raises DataError with the problems of all files.
    """
    folder = access.find(config.folder)
    videos, notes = read_videos(config, folder)
    classes = _classes(videos, config)
    who = subjects(videos)
    found: list[_Read] = []
    faults = Faults()
    for video in videos:
        if not any(action in classes for _, _, action in video.listed):
            continue
        tracking_file, *annotation_file = video.files(folder, config.part)
        with faults.told(tracking_file):
            tracking = read_tracking(video, config, tracking_file)
            labelled = (
                labelled_views(video, tracking, classes, config, annotation_file[0])
                if annotation_file
                else unlabelled_views(video, tracking, classes)
            )
            if not labelled.views:
                raise DataError.at(tracking_file, "tracks no mouse of which the table lists an action.")
            recording = _recording(video, tracking, labelled, config, who[video.lab, video.name])
            found.append(_Read(video, recording, tracking, labelled))
    faults.raise_all()
    if config.part == "train":
        _check_classes([read.recording for read in found], classes, config)
    return Dataset(
        recordings=tuple(read.recording for read in found),
        classes=classes,
        exclusive=False,
        notes=(*notes, *_told(found, config)),
    )


def _classes(videos: Sequence[Video], config: MabeKaggleConfig) -> tuple[str, ...]:
    there = sorted({action for video in videos for _, _, action in video.listed})
    for action in config.actions:
        if action not in there:
            raise DataError(f"no video lists the action {action!r}.{did_you_mean(action, there)}")
    return config.actions or tuple(there)


def _recording(
    video: Video, tracking: Tracking, labelled: Labelled, config: MabeKaggleConfig, subject: str
) -> Recording:
    fps = annotated_fps(video, config)
    return Recording(
        name=f"{video.lab}/{video.name}",
        points=tracking.points,
        fps=config.fps,
        individuals=tuple(f"mouse{number}" for number in tracking.mice),
        keypoints=config.body_parts,
        views=labelled.views,
        groups={"lab": video.lab, "subject": subject},
        pixels_per_cm=1.0,  # a unit of the points is a centimetre
        film_fps=fps,
        film_frames=int(tracking.source_frames * fps / video.fps),
    )


def _check_classes(recordings: Sequence[Recording], classes: Sequence[str], config: MabeKaggleConfig) -> None:
    shown = np.zeros(len(classes), dtype=np.int64)
    for recording in recordings:
        for view in recording.views:
            shown += (view.labels == 1).sum(axis=0)
    never = [name for name, count in zip(classes, shown, strict=True) if not count]
    if never:
        rest = [name for name in classes if name not in never]
        raise DataError(
            f"no frame of any video shows {', '.join(never)}: name the others under `actions`"
            + (f", [{', '.join(rest)}]." if rest else ".")
        )


def _told(found: Sequence[_Read], config: MabeKaggleConfig) -> list[str]:
    """Return what was done to the videos, counted."""
    rates = Counter(f"{read.video.fps:g}" for read in found)
    notes = [
        f"videos brought to {config.fps:g} frames/s: "
        + ", ".join(
            f"{count} from {fps}" for fps, count in sorted(rates.items(), key=lambda each: float(each[0]))
        )
    ]
    for what, parts in (
        ("body parts that others stand for", Counter(p for read in found for p in read.tracking.stood_in)),
        ("body parts that are not tracked", Counter(p for read in found for p in read.tracking.lacking)),
        ("bouts of actions that their video does not list, left out", _sum(found)),
    ):
        if parts:
            notes.append(
                f"{what}: " + ", ".join(f"{name} ({count})" for name, count in sorted(parts.items()))
            )
    for what, videos in (
        ("listed pairs of mice that are not tracked, left out", [r for r in found if r.labelled.untracked]),
        ("annotations at 30 frames/s of a pose at 25, mended", [r for r in found if r.labelled.other_rate]),
        ("annotations past the tracking's end, trimmed", [r for r in found if r.labelled.trimmed]),
        ("annotations without a bout", [r for r in found if config.part == "train" and not r.labelled.bouts]),
    ):
        if videos:
            named = ", ".join(read.recording.name for read in videos[:5]) + ", …" * (len(videos) > 5)
            notes.append(f"{what}: {len(videos)} videos ({named})")
    return notes


def _sum(found: Sequence[_Read]) -> Counter[str]:
    return sum((read.labelled.unlisted for read in found), Counter[str]())
