"""Another experiment's data, brought into the order that a model was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

from mabe_core.data.fingerprint import fingerprint
from mabe_core.errors import UserError
from mabe_core.exchange import UNLABELLED, DataAccess, Dataset, View
from mabe_core.experiment import Experiment
from mabe_core.inference.fitting import fit_labelled
from mabe_core.inference.member import Member


def of_the_models_kind(dataset: Dataset, member: Member, names: Mapping[str, str]) -> Dataset:
    """Return the recordings with keypoints, individuals and classes in the model's order."""
    wanted = member.expects.classes
    unknown = [name for name in dataset.classes if name not in wanted]
    if unknown:
        raise UserError(
            f"the data has the classes {', '.join(dataset.classes)}, the model {', '.join(wanted)}: it does "
            f"not know {', '.join(unknown)}. Map words under `behaviours` in the dataset"
        )
    if dataset.exclusive != member.expects.exclusive:
        words = {True: "exclude each other", False: "may share a frame"}
        raise UserError(
            f"classes of the data {words[dataset.exclusive]}, those of the model "
            f"{words[member.expects.exclusive]}: its answers cannot be scored by such labels"
        )
    recordings = tuple(
        attrs.evolve(
            fit_labelled(recording, member, names),
            views=tuple(
                View(view.individuals, _in_order(view.labels, dataset, wanted)) for view in recording.views
            ),
        )
        for recording in dataset.recordings
    )
    return attrs.evolve(dataset, recordings=recordings, classes=tuple(wanted))


def overlap(member: Member, other: Experiment, access: DataAccess) -> list[str]:
    """Tell which files the model was trained or chosen on, as far as files are what data is read from."""
    here = fingerprint(other.data.dataset, access)
    trained = {sha256: name for name, sha256 in member.record.data.items()}
    same = sorted(name for name, sha256 in here.items() if sha256 in trained)
    mine, theirs = member.experiment.data.dataset, other.data.dataset
    if same:
        return [
            f"{len(same)} of the {len(here)} files of this data are files that {member.record.id} was made "
            f"with ({', '.join(same[:3])}{', …' if len(same) > 3 else ''}): scores on them say little about "
            "others."
        ]
    if not here and (mine.name, mine.config) == (theirs.name, theirs.config):
        return [
            f"This is the data that {member.record.id} was made with: scores on it say little about others."
        ]
    return []


def _in_order(labels: NDArray[np.int8], dataset: Dataset, wanted: Sequence[str]) -> NDArray[np.int8]:
    """Return a label track with the columns that are wanted.

    Of a class that the data does not have, a frame with another class is 0 where frames have one class.
    """
    ordered = np.full((len(labels), len(wanted)), UNLABELLED, dtype=np.int8)
    if dataset.exclusive:
        ordered[(labels == 1).any(axis=1)] = 0
    for column, name in enumerate(wanted):
        if name in dataset.classes:
            ordered[:, column] = labels[:, dataset.classes.index(name)]
    return ordered
