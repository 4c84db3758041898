"""Batches: what a captured step replays never asks the device for a value."""

from __future__ import annotations

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from mabe_core.discovery import load_plugins
from mabe_core.exchange import DataAccess
from mabe_core.experiment import read_text, resolve
from mabe_core.training.inputs import prepare
from mabe_core.training.reading import read_data

ALL = """
name: all_of_them
data:
  dataset: {name: synthetic, train_recordings: 2, validation_recordings: 1, seconds: 30.0}
  features:
    - normalize
    - {name: interpolate, mask: true}
    - smooth
    - {name: smooth, method: savitzky_golay}
    - motion
    - egocentric
  augmentations:
    - rotation
    - mirror
    - scale
    - keypoint_dropout
    - jitter
    - {name: identity_swap, labels_are_symmetric: true}
  sequence_length: 64
model: tcn
"""


class Asked(TorchDispatchMode):
    """Notes what would wait for a GPU: a value that is read, a size that follows from values, a constant."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = str(func)
        masks = name.startswith(("aten.index.", "aten.index_put")) and any(
            index is not None and index.dtype == torch.bool for index in args[1]
        )
        if masks or any(word in name for word in ("local_scalar", "nonzero", "masked_select", "lift_fresh")):
            self.waits.append(name)
        return func(*args, **(kwargs or {}))


def test_no_built_in_feature_or_augmentation_waits_for_the_device():
    experiment = resolve(read_text(ALL, "all.yaml"), load_plugins())
    dataset, partition = read_data(experiment, DataAccess(()))
    data = prepare(experiment.data, dataset, partition, dtype=torch.float32, device=torch.device("cpu"))
    with Asked() as asked:
        inputs, _ = data.train(data.train_starts[:4])
    assert inputs.isfinite().all()
    assert asked.waits == []
