"""Reads an experiment's recordings and splits them, and refuses what its components promised otherwise."""

from __future__ import annotations

from mabe_core.data.windows import WindowShape
from mabe_core.exchange import DataAccess, Dataset, Partition, SplitContext
from mabe_core.experiment import Experiment
from mabe_core.training.blame import blame, build_at
from mabe_core.training.cached import cached_dataset
from mabe_core.training.checks import check_dataset, check_partition


def read_data(experiment: Experiment, access: DataAccess) -> tuple[Dataset, Partition]:
    """Return the recordings and what becomes of them; raise UserError where they are not as promised."""
    dataset = read_dataset(experiment, access)
    window = WindowShape(experiment.data.sequence_length, experiment.data.frame_gap)
    split = build_at("data.split", experiment.data.split)
    with blame("data.split", experiment.data.split):
        partition: Partition = split(
            dataset.recordings, SplitContext(window.span, experiment.seed, dataset.classes)
        )
    check_partition(experiment, dataset, partition)
    return dataset, partition


def read_dataset(experiment: Experiment, access: DataAccess) -> Dataset:
    """Return the recordings; raise UserError where they are not as promised."""
    asked = experiment.data.dataset
    dataset = cached_dataset(asked, access, lambda: build_at("data.dataset", asked, access))
    check_dataset(experiment, dataset)
    return dataset
