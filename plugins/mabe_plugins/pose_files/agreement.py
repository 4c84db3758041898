"""Whether experiment, pose and annotation agree: frames a second, individuals, keypoints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import numpy as np

from mabe_core import Annotation, DataError, PoseTracks, Recording, did_you_mean

if TYPE_CHECKING:
    from mabe_plugins.pose_files import PoseFilesConfig
    from mabe_plugins.pose_files.pairing import FoundPair

# 29.97 and 30000/1001 are one frame rate, 29.97 and 30 are two
SAME_FPS = 5e-4


def agreed_fps(pose: PoseTracks, annotation: Annotation, pair: FoundPair, asked: float | None) -> float:
    """Return the one frame rate that the experiment and both files agree on."""
    told = {"the experiment says": asked, "the pose file says": pose.fps}
    known = {who: fps for who, fps in told.items() if fps is not None}
    if not known:
        hint = f" The annotation claims {annotation.fps:g}." if annotation.fps else ""
        raise DataError.at(pair.pose, f"does not tell its frames a second: write `fps` in the dataset.{hint}")
    (who, fps), *others = known.items()
    if annotation.fps is not None:
        others.append(("the annotation says", annotation.fps))
    for other, value in others:
        if abs(value - fps) > SAME_FPS * fps:
            raise DataError.at(
                pair.labels if other.startswith("the annotation") else pair.pose,
                f"{who} {fps:g} frames a second, {other} {value:g}. "
                "Labels would shift: find out which is true.",
            )
    return fps


def check_subjects(
    annotation: Annotation, pose: PoseTracks, config: PoseFilesConfig, pair: FoundPair
) -> None:
    """Raise where a bout's agent or target is no individual of the pose."""
    for bout in annotation.bouts:
        for word in (bout.agent, bout.target):
            name = config.subjects.get(word, word)
            if name and name not in pose.individuals:
                raise DataError.at(
                    pair.labels,
                    f"{word!r} is no individual of {pair.pose.name}.{did_you_mean(name, pose.individuals)} "
                    f"Map it under `subjects`, such as `{word}: {pose.individuals[0]}`, "
                    "or to null for none of them.",
                    bout.line,
                )


def chosen(pose: PoseTracks, wanted: Sequence[str], first: Recording | None, file: Path) -> PoseTracks:
    """Return the individuals that are asked for, in the first recording's order, keypoints too."""
    individuals = tuple(wanted) or (first.individuals if first else pose.individuals)
    keypoints = first.keypoints if first else pose.keypoints
    for name in individuals:
        if name not in pose.individuals:
            remedy = "" if wanted else f" The first recording, {first.name if first else ''!r}, has it."
            raise DataError.at(
                file, f"has no individual {name!r}.{did_you_mean(name, pose.individuals)}{remedy}"
            )
    if not wanted and len(pose.individuals) != len(individuals):
        extra = ", ".join(sorted(set(pose.individuals) - set(individuals)))
        raise DataError.at(
            file, f"has more individuals than the first recording ({extra}): name `individuals`."
        )
    if set(keypoints) != set(pose.keypoints):
        differing = ", ".join(sorted(set(keypoints) ^ set(pose.keypoints)))
        raise DataError.at(file, f"has other keypoints than the first recording: {differing}.")
    who = [pose.individuals.index(name) for name in individuals]
    which = [pose.keypoints.index(name) for name in keypoints]
    if who == list(range(len(pose.individuals))) and which == list(range(len(pose.keypoints))):
        return pose
    return attrs.evolve(
        pose,
        points=np.ascontiguousarray(pose.points[:, who][:, :, which]),
        confidence=None
        if pose.confidence is None
        else np.ascontiguousarray(pose.confidence[:, who][:, :, which]),
        individuals=individuals,
        keypoints=keypoints,
    )
