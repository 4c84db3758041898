"""Reads the paired files of a folder into recordings, and tells what had to be done to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import numpy as np

from mabe_core import (
    Annotation,
    DataAccess,
    DataError,
    Dataset,
    LabelRules,
    LabelTrack,
    PoseTracks,
    Problem,
    Recording,
    View,
    did_you_mean,
)
from mabe_plugins.faults import Faults
from mabe_plugins.pose_files.agreement import agreed_fps, check_subjects, chosen
from mabe_plugins.pose_files.pairing import FoundPair, find_pairs
from mabe_plugins.pose_files.seeing import label_tracks, views_of

if TYPE_CHECKING:
    from mabe_plugins.pose_files import PoseFilesConfig


@attrs.frozen(eq=False)
class _Read:
    """One recording as it was read."""

    pair: FoundPair
    recording: Recording
    tracks: tuple[LabelTrack, ...]
    behaviours: Counter[str]
    notes: tuple[str, ...]


def read_dataset(config: PoseFilesConfig, access: DataAccess) -> Dataset:
    """Read every pair; raises DataError with the problems of all files."""
    pairs, notes = find_pairs(config, access.find(config.folder))
    read_pose: Callable[[Path], PoseTracks] = config.pose.build()
    read_labels: Callable[[Path], Annotation] = config.labels.build()
    found: list[_Read] = []
    faults = Faults()
    for pair in pairs:
        with faults.told(pair.pose):
            first = found[0].recording if found else None
            found.append(_read(pair, config, read_pose, read_labels, first))
    faults.raise_all()
    _check_words(config, found)
    return Dataset(
        recordings=tuple(read.recording for read in found),
        classes=config.all_classes,
        exclusive=not config.multi_label,
        notes=(*notes, *_repairs(config, found)),
    )


def _read(
    pair: FoundPair,
    config: PoseFilesConfig,
    read_pose: Callable[[Path], PoseTracks],
    read_labels: Callable[[Path], Annotation],
    first: Recording | None,
) -> _Read:
    pose = read_pose(pair.pose)
    annotation = read_labels(pair.labels)
    fps = agreed_fps(pose, annotation, pair, config.fps)
    check_subjects(annotation, pose, config, pair)
    rules = LabelRules(
        classes=config.all_classes,
        behaviours=config.behaviours,
        background=config.background,
        other_behaviours=config.other_behaviours,
        unobserved=config.unobserved,
        past_end=config.past_end,
        exclusive=not config.multi_label,
    )
    frames = len(pose.points)
    pose = chosen(pose, config.individuals, first, pair.pose)
    seen = views_of(annotation, pose.individuals, config, pair.labels)
    tracks = label_tracks([found for _, found in seen], frames, fps, rules, pair.labels)
    recording = Recording(
        name=pair.name,
        points=pose.points,
        fps=fps,
        individuals=pose.individuals,
        keypoints=pose.keypoints,
        views=tuple(View(who, track.labels) for (who, _), track in zip(seen, tracks, strict=True)),
        confidence=pose.confidence,
        groups=pair.groups,
    )
    notes = [f"{pair.pose.name}: {note}" for note in pose.notes]
    notes += [f"{pair.labels.name}: {note}" for note in annotation.notes]
    return _Read(pair, recording, tracks, Counter(bout.behaviour for bout in annotation.bouts), tuple(notes))


def _check_words(config: PoseFilesConfig, found: Sequence[_Read]) -> None:
    """Raise where a class never occurs, or a word under `behaviours` is in no file."""
    words = Counter[str]()
    for read in found:
        words.update(read.behaviours)
    there = sorted(words)
    tracks = [track for read in found for track in read.tracks]
    frames = sum((track.labels == 1).sum(axis=0, dtype=np.int64) for track in tracks)
    problems = [
        Problem(f"behaviours maps {word!r}, which occurs in no annotation.{did_you_mean(word, there)}")
        for word in config.behaviours
        if word not in words
    ]
    problems += [
        Problem(
            f"class {name!r} never occurs: no frame of any recording has it."
            f"{did_you_mean(name, [word for word in there if word not in config.classes] or there)}"
        )
        for name, count in zip(config.all_classes, np.atleast_1d(frames), strict=True)
        if count == 0
    ]
    if problems:
        raise DataError(problems)


def _repairs(config: PoseFilesConfig, found: Sequence[_Read]) -> list[str]:
    """Return what was done to the files, counted."""
    notes = [note for read in found for note in read.notes]
    late = {
        read.pair.labels.name: max(track.past_end for track in read.tracks)
        for read in found
        if any(track.past_end for track in read.tracks)
    }
    if late:
        each = ", ".join(f"{name} {frames}" for name, frames in late.items())
        notes.append(
            f"annotations past the pose's end, trimmed: {len(late)} of {len(found)} (frames: {each})"
        )
    short = sum(track.too_short for read in found for track in read.tracks)
    if short:
        notes.append(f"bouts shorter than a frame, which label none: {short}")
    others = Counter[str]()
    for read in found:
        for track in read.tracks:
            others.update(track.others)
    if others:
        listed = ", ".join(f"{name} ({count})" for name, count in sorted(others.items()))
        notes.append(f"bouts of no class, taken as {config.other_behaviours}: {listed}")
    return notes
