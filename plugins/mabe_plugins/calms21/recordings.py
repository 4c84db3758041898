"""Puts the sequences of CalMS21 together as a dataset."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence as Many
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import numpy as np

from mabe_core import (
    UNLABELLED,
    DataAccess,
    DataError,
    Dataset,
    Recording,
    Role,
    UserError,
    View,
    did_you_mean,
)
from mabe_plugins.calms21 import OTHER
from mabe_plugins.calms21.files import find_files
from mabe_plugins.calms21.json_form import read_json
from mabe_plugins.calms21.npy_form import read_npy
from mabe_plugins.calms21.sequences import FPS, Sequence, sequences

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mabe_plugins.calms21 import CalMS21Config

INDIVIDUALS = ("resident", "intruder")
KEYPOINTS = ("nose", "left_ear", "right_ear", "neck", "left_hip", "right_hip", "tail")


@attrs.frozen(eq=False)
class _Found:
    sequence: Sequence
    file: Path
    part: Role


def read_dataset(config: CalMS21Config, access: DataAccess) -> Dataset:
    """Read the files of one task.

    The resident is the agent and the intruder the target of its one view. Groups: mouse, annotator, part.
    Raises DataError naming file, sequence and frame.
    """
    found: list[_Found] = []
    for file, part in find_files(config, access.find(config.folder)):
        raw = read_json(file) if file.suffix == ".json" else read_npy(file)
        found += [_Found(each, file, part) for each in sequences(raw, file)]
    _check_names(found)
    found = _of_annotators(found, config.annotators)
    if config.task == 3:
        found = _of_behaviours(found, config.behaviours)
    else:
        _check_one_vocabulary(found)
    classes, exclusive = _classes(config, found)
    annotators = Counter(each.sequence.annotator for each in found)
    told = ", ".join(f"{number} ({count})" for number, count in sorted(annotators.items()))
    who = _subjects(found)
    return Dataset(
        recordings=tuple(_recording(each, who[each.sequence.name], classes) for each in found),
        classes=classes,
        exclusive=exclusive,
        notes=(f"task {config.task}, sequences by annotator: {told}",),
    )


def _check_names(found: Many[_Found]) -> None:
    first: dict[str, _Found] = {}
    for each in found:
        name = each.sequence.name
        if name in first:
            raise DataError.at(each.file, f"{name} is there twice, first in {first[name].file.name}.")
        first[name] = each


def _of_annotators(found: list[_Found], wanted: Many[int]) -> list[_Found]:
    there = sorted({each.sequence.annotator for each in found})
    for number in wanted:
        if number not in there:
            raise UserError(f"nobody of the number {number} annotated; there: {', '.join(map(str, there))}.")
    return [each for each in found if not wanted or each.sequence.annotator in wanted]


def _behaviour(each: _Found) -> str:
    """Return the one behaviour that a sequence of task 3 is annotated for."""
    words = [word for word in each.sequence.words if word != OTHER]
    if len(words) != 1 or len(each.sequence.words) != 2:
        raise DataError.at(
            each.file,
            f"{each.sequence.name}: task 3 has one behaviour and {OTHER!r} in each vocabulary, not "
            f"{', '.join(each.sequence.words)}.",
        )
    return words[0]


def _of_behaviours(found: list[_Found], wanted: Many[str]) -> list[_Found]:
    there = sorted({_behaviour(each) for each in found})
    for name in wanted:
        if name not in there:
            raise UserError(f"no sequence is annotated for {name!r}.{did_you_mean(name, there)}")
    return [each for each in found if not wanted or _behaviour(each) in wanted]


def _check_one_vocabulary(found: Many[_Found]) -> None:
    first = found[0].sequence
    for each in found:
        if each.sequence.words != first.words:
            raise DataError.at(
                each.file,
                f"{each.sequence.name} has the vocabulary {', '.join(each.sequence.words)}, {first.name} "
                f"{', '.join(first.words)}: numbers would mean two things.",
            )


def _classes(config: CalMS21Config, found: Many[_Found]) -> tuple[tuple[str, ...], bool]:
    """Return the classes, and whether a frame has exactly one."""
    if config.task != 3:
        return found[0].sequence.words, True
    names = config.behaviours or tuple(sorted({_behaviour(each) for each in found}))
    return ((names[0], OTHER), True) if len(names) == 1 else (names, False)


def _subjects(found: Many[_Found]) -> dict[str, str]:
    """Return whose each sequence is, by name; the same film, annotated again, is the same mouse's."""
    of_film: dict[bytes, str] = {}
    who: dict[str, str] = {}
    for each in found:
        name = each.sequence.name
        mouse = re.search(r"mouse\d+", name)
        film = hashlib.sha256(each.sequence.points.data).digest()
        who[name] = of_film.setdefault(film, mouse[0] if mouse else name)
    return who


def _recording(each: _Found, subject: str, classes: tuple[str, ...]) -> Recording:
    sequence = each.sequence
    return Recording(
        name=sequence.name,
        points=sequence.points,
        confidence=sequence.scores,
        fps=FPS,
        individuals=INDIVIDUALS,
        keypoints=KEYPOINTS,
        views=(View((0, 1), _labels(sequence, classes)),),
        groups={
            "subject": subject,
            "annotator": str(sequence.annotator),
            "part": each.part,
        },
        role=each.part,
    )


def _labels(sequence: Sequence, classes: tuple[str, ...]) -> NDArray[np.int8]:
    """Return int8 (frames, classes); what a sequence is not annotated for is unlabelled in it."""
    labels = np.full((len(sequence.codes), len(classes)), UNLABELLED, dtype=np.int8)
    for code, word in enumerate(sequence.words):
        if word in classes:
            labels[:, classes.index(word)] = sequence.codes == code
    return labels
