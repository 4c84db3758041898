"""The shipped experiments of each model train: on a few generated minutes, the loss falls."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
SMALL = {
    "v4_conv1d_bilstm": ["model.channels=16", "model.hidden_dim=16", "model.lstm_layers=1"],
    "tcn": ["model.channels=16", "model.num_layers=5"],
    "ms_tcn": ["model.channels=16", "model.num_layers=5", "model.num_stages=2"],
    "c2f_tcn": ["model.channels=16", "model.depth=3"],
}
FEW = [
    "data.dataset.train_recordings=2",
    "data.dataset.validation_recordings=1",
    "data.dataset.seconds=60",
    "data.sequence_length=64",
    "training.epochs=3",
    "training.batch_size=16",
    "training.windows_per_epoch=160",
    "optimizer.learning_rate=3e-3",
    "threads=1",
    "device=cpu",
]


@pytest.mark.parametrize("name", SMALL)
def test_the_loss_falls_from_epoch_to_epoch(mabe, tmp_path, name):
    words = [word for setting in [*FEW, *SMALL[name]] for word in ("--set", setting)]
    outcome = mabe("run", EXPERIMENTS / f"{name}.yaml", *words)
    assert outcome.code == 0, outcome.err
    (run,) = (tmp_path / "runs").iterdir()
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    losses = [line["train_loss"] for line in lines]
    assert losses[0] > losses[1] > losses[2]
    assert lines[-1]["val_macro_f1"] > 0.15
