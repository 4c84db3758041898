"""What the tests of TensorBoard and MLflow share: runs that are cut off, and what metrics.jsonl says."""

from __future__ import annotations

import json
from pathlib import Path

from mabe_core import epoch_scores


def curves(run: Path) -> dict[str, dict[int, float]]:
    """Return each score of metrics.jsonl by step."""
    found: dict[str, dict[int, float]] = {}
    for text in (run / "metrics.jsonl").read_text().splitlines():
        line = json.loads(text)
        for name, value in epoch_scores(line).items():
            found.setdefault(name, {})[line["step"]] = value
    return found


def let_it_seem_interrupted(run: Path) -> None:
    """Let a run that is finished be trained on by the next command."""
    record = json.loads((run / "record.json").read_text())
    (run / "record.json").write_text(json.dumps({**record, "state": "interrupted"}))


def damage(checkpoint: Path) -> None:
    """Change a bit of a checkpoint, so that the one before it is used."""
    content = bytearray((checkpoint / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (checkpoint / "model.safetensors").write_bytes(content)
