"""The text of the experiment that V3's settings become, commented for whoever goes on with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import attrs

from mabe_core.experiment.text import inline_text

Values = Mapping[str, Any]


@attrs.frozen
class Settings:
    """What V3's settings become, by section; folders: V3's of training and validation data, or nothing."""

    data: Values
    folders: tuple[str, ...]
    model: Values
    optimizer: Values
    scheduler: Values | None
    training: Values
    checkpoint: Values
    top: Values


def experiment_text(name: str, source: str, settings: Settings, not_carried: Sequence[str]) -> str:
    """Return the experiment as YAML; source: the name of V3's file."""
    return "\n".join(_lines(name, source, settings, not_carried)) + "\n"


def _lines(name: str, source: str, settings: Settings, not_carried: Sequence[str]) -> Iterator[str]:
    yield f"# What {_one_line(source)} asked of V3; `mabe import` wrote it."
    if not_carried:
        yield "# Not carried:"
        yield from (f"#   {_one_line(each)}" for each in not_carried)
    yield f"name: {inline_text(name)}"
    yield from _pairs({"seed": settings.top["seed"]} if "seed" in settings.top else {}, 0)
    yield ""
    yield "data:"
    yield "  # generated mice stand in for V3's recordings: name your own in their place, such as"
    yield from (f"  #   {line}" for line in _own_recordings(settings.folders))
    yield "  dataset: synthetic"
    yield "  split: given"
    yield "  # of V3's settings none says how keypoints were scaled: compare with what its script did"
    yield "  features:"
    yield "    - {name: normalize, centre: recording, scale: body_length}"
    yield "    - {name: interpolate, max_gap: 0.5}"
    yield from _pairs(settings.data, 2)
    yield ""
    yield from _section("model", settings.model)
    yield from _section("optimizer", settings.optimizer)
    if settings.scheduler is not None:
        yield from _section("scheduler", settings.scheduler)
    yield "training:"
    yield from _pairs(settings.training, 2)
    yield "  # an epoch of V3 had a window for every frame it could begin at; here they cover each frame once"
    yield "  # windows_per_epoch: 32000"
    yield ""
    if settings.checkpoint:
        yield from _section("checkpoint", settings.checkpoint)
    if "device" in settings.top:
        yield from _pairs({"device": settings.top["device"]}, 0)


def _section(key: str, values: Values) -> Iterator[str]:
    yield f"{key}:"
    yield from _pairs(values, 2)
    yield ""


def _pairs(values: Values, indent: int) -> Iterator[str]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield f"{' ' * indent}{key}:"
            yield from _pairs(value, indent + 2)
        else:
            yield f"{' ' * indent}{key}: {inline_text(value)}"


def _own_recordings(folders: Sequence[str]) -> Iterator[str]:
    """Yield a dataset of files, with V3's folders where it had some."""
    train = PurePosixPath(folders[0] or "my_data/train")
    yield "dataset:"
    yield "  name: pose_files # docs/your-own-recordings.md"
    folder = _one_line(inline_text(train.parent.name or train.name))
    yield f"  folder: {folder} # found under --data-dir or $MABE_DATA"
    yield f"  pose_pattern: {_one_line(inline_text(f'{train.name}/{{recording}}.csv'))}"
    yield f"  labels_pattern: {_one_line(inline_text(f'{train.name}/{{recording}}.annot'))}"
    yield "  labels: caltech"
    yield "  classes: [attack, investigation, mount, other]"


def _one_line(text: str) -> str:
    """Return a text that ends no comment: without anything that would begin a line."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
