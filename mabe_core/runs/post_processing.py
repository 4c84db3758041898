"""post_processing.json: what post-processing learned from validation recordings, kept beside the weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs

from mabe_core.errors import UserError
from mabe_core.runs.files import read_json, write_json
from mabe_core.runs.shape import known, misfits

FORMAT = 1
FILE = "post_processing.json"


@attrs.frozen(kw_only=True)
class FittedStep:
    """One component and what it learned, as JSON has it; an empty map where it has nothing to learn."""

    name: str
    version: int
    fitted: dict[str, Any]


@attrs.frozen(kw_only=True)
class FittedPostProcessing:
    """What post_processing.json holds; model: SHA-256 of the weights whose probabilities it was fitted to."""

    model: str
    steps: tuple[FittedStep, ...]


def write_post_processing(folder: Path, fitted: FittedPostProcessing) -> None:
    """Write the file into a run directory."""
    write_json(folder / FILE, {"format": FORMAT, **attrs.asdict(fitted)})


def read_post_processing(folder: Path, model: str, names: Sequence[str]) -> FittedPostProcessing | None:
    """Return what was fitted to this model; None where nothing was, or to another checkpoint's weights.

    names: of the experiment's components. Raises UserError where the file is damaged.
    """
    file = folder / FILE
    if not file.exists():
        return None
    found = read_json(file)
    if not isinstance(found, dict) or found.get("format") != FORMAT or misfits(found, FittedPostProcessing):
        raise UserError(f"{file} is damaged; the same experiment with `--fresh` trains and fits again")
    steps = tuple(FittedStep(**known(each, FittedStep)) for each in found["steps"])
    if [step.name for step in steps] != list(names):
        raise UserError(f"{file} is of other post-processing than its experiment.yaml names")
    return FittedPostProcessing(model=found["model"], steps=steps) if found["model"] == model else None
