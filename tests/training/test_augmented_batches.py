"""Features inside the step give what they give for a whole recording, at its ends too."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mabe_core.discovery import load_plugins
from mabe_core.exchange import DataAccess, SplitContext
from mabe_core.experiment import read_text, resolve
from mabe_core.training.inputs import TrainingData, prepare

PLUGIN = """\
import attrs
from mabe_core import AugmentationSpec, hookimpl

@attrs.frozen
class SameConfig:
    '''Change nothing.'''

@hookimpl
def mabe_augmentations():
    return [AugmentationSpec(name="same", config=SameConfig, build=lambda config, layout: lambda pose: pose)]
"""
TINY = Path(__file__).parents[1] / "files" / "tiny.py"


def prepared(folder: Path, features: str, gap: int = 1, **dataset: object) -> TrainingData:
    """Return what `same` leaves of the tiny recordings, as the loop is given it."""
    (folder / "same.py").write_text(PLUGIN, encoding="utf-8")
    text = f"""
name: x
model: transformer
data:
  dataset: {{name: tiny, missing: 0.1, frames: 90}}
  features: [{features}]
  augmentations: [same]
  sequence_length: 8
  frame_gap: {gap}
"""
    registry = load_plugins([TINY, folder / "same.py"])
    data = resolve(read_text(text, "test.yaml"), registry).data
    found = data.dataset.build(DataAccess(()))
    partition = data.split.build()(found.recordings, SplitContext(8 * gap, 0, found.classes))
    return prepare(data, found, partition, dtype=torch.float64, device=torch.device("cpu"))


@pytest.mark.parametrize(
    "features",
    [
        "normalize, interpolate, motion",
        "normalize, {name: interpolate, mask: true}, smooth, motion, egocentric",
        "interpolate, {name: smooth, method: savitzky_golay}, {name: motion, scales: [0.2, 2.0]}",
    ],
)
@pytest.mark.parametrize("gap", [1, 3])
def test_a_window_has_the_columns_of_the_whole_recording(tmp_path, features, gap):
    data = prepared(tmp_path, features, gap)
    inputs, targets = data.train(data.train_starts)
    expected, same_targets = data.validation(data.train_starts)
    assert torch.equal(targets, same_targets)
    torch.testing.assert_close(inputs, expected, rtol=1e-9, atol=1e-9)
