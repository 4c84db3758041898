"""Who is seen by whom: the views of a recording, and which bouts each of them has."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from mabe_core import Annotation, Bout, DataError, LabelRules, LabelTrack, Problem, label_track

if TYPE_CHECKING:
    from mabe_plugins.pose_files import PoseFilesConfig

Individuals = tuple[int, ...]


def views_of(
    annotation: Annotation, individuals: Sequence[str], config: PoseFilesConfig, file: Path
) -> list[tuple[Individuals, Annotation]]:
    """Return who is in each view, agent first, and the annotation of that view.

    In pairs, a bout without a target, or of an individual with itself, is in all views of its agent. Raises
    DataError for a bout whose agent or target is told, and is none of the individuals that are chosen.
    """
    if config.views == "together":
        return [(tuple(range(len(individuals))), annotation)]
    if len(individuals) < 2:
        raise DataError.at(file, "one individual makes no pairs: leave `views: pairs` out.")
    bouts = [_named(bout, individuals, config, file) for bout in annotation.bouts]
    return [
        (
            (agent, target),
            attrs.evolve(
                annotation,
                bouts=tuple(
                    bout
                    for bout in bouts
                    if bout.agent == individuals[agent]
                    and bout.target in ("", bout.agent, individuals[target])
                ),
            ),
        )
        for agent, target in itertools.permutations(range(len(individuals)), 2)
    ]


def _named(bout: Bout, individuals: Sequence[str], config: PoseFilesConfig, file: Path) -> Bout:
    """Return the bout with the pose's names of its agent and target."""
    agent, target = (config.subjects.get(word, word) or "" for word in (bout.agent, bout.target))
    if not agent:
        raise DataError.at(
            file,
            f"bout {bout.behaviour!r} names no agent, and views are pairs of agent and target. Name it "
            "in the file or under `subjects`, or leave `views: pairs` out.",
            bout.line,
        )
    for name in (agent, target):
        if name and name not in individuals:
            raise DataError.at(
                file,
                f"bout {bout.behaviour!r} is of {name!r}, who is not among `individuals` "
                f"({', '.join(individuals)}).",
                bout.line,
            )
    return attrs.evolve(bout, agent=agent, target=target)


def label_tracks(
    annotations: Sequence[Annotation], frames: int, fps: float, rules: LabelRules, file: Path
) -> tuple[LabelTrack, ...]:
    """Make the label track of each view; raises DataError with the problems of all, each told once."""
    tracks: list[LabelTrack] = []
    problems: dict[str, Problem] = {}
    for annotation in annotations:
        try:
            tracks.append(label_track(annotation, frames, fps, rules, file))
        except DataError as error:
            problems.update({str(problem): problem for problem in error.problems})
    if problems:
        raise DataError(problems.values())
    return tuple(tracks)
