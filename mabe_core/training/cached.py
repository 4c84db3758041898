"""What of an experiment's data is kept between runs: recordings as they were read, and their features."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
import torch
from torch import Tensor

from mabe_core.data.fingerprint import fingerprint
from mabe_core.errors import UserError
from mabe_core.exchange import DataAccess, Dataset, Pose, Recording, View
from mabe_core.experiment.schema import Data
from mabe_core.specs import Component
from mabe_core.training.cache import Cache, find_cache, key_of
from mabe_core.training.features import FeaturePipeline, Room

# what is sooner read or computed than looked up, or than written: seconds on this machine
FEW_BYTES, FEW_POINTS, FEW_SECONDS = 5_000_000, 100_000, 0.05
# of features that are written at a time: hours of them would be in memory twice
PART_BYTES = 1 << 22
PLAIN = (
    *("name", "fps", "individuals", "keypoints", "groups", "role", "pixels_per_cm"),
    *("film_fps", "film_frames"),
)


def cached_dataset(component: Component[Any], access: DataAccess, build: Callable[[], Dataset]) -> Dataset:
    """Return a dataset as `build` gives it; from the cache where files, config and code are the same."""
    cache = find_cache()
    if cache is None or component.spec is None or component.spec.sources is None:
        return build()
    try:
        few = (
            sum(file.stat().st_size for file in component.spec.sources(component.config, access)) < FEW_BYTES
        )
        key = "" if few else key_of(fingerprint(component, access), components=component)
    except (UserError, OSError):  # building tells in its own words what is wrong with the files
        return build()
    if few:
        return build()
    if (kept := cache.read(key)) is not None:
        return _dataset(*kept)
    dataset = build()
    if dataset.recordings and all(_is_plain(recording) for recording in dataset.recordings):
        cache.write(key, *_parts(dataset))
    return dataset


def cached_columns(
    data: Data, pipeline: FeaturePipeline, points: Tensor, room: Room
) -> tuple[Tensor, tuple[str, ...]]:
    """Return the model's inputs of one view as `pipeline` computes them, from the cache where they are."""
    cache = find_cache() if points.numel() >= FEW_POINTS and data.features else None
    if cache is None:
        return pipeline.inputs(pipeline.whole(Pose(points)), room)
    key = _features_key(data, pipeline, points)
    if (kept := _read_columns(cache, key, len(points), points.device, room)) is not None:
        return kept
    began = time.perf_counter()
    columns, names = pipeline.inputs(pipeline.whole(Pose(points)), room)
    if time.perf_counter() - began < FEW_SECONDS:
        return columns, names
    for number, part in enumerate(torch.split(columns, _frames_a_part(columns))):
        cache.write(f"{key}-{number}", {"columns": part}, names)
    return columns, names


def _read_columns(
    cache: Cache, key: str, frames: int, device: torch.device, room: Room
) -> tuple[Tensor, tuple[str, ...]] | None:
    """Return the columns put together of their parts, or None where one is missing."""
    columns, names, done = torch.empty(0), (), 0
    for number in itertools.count():
        if (kept := cache.read(f"{key}-{number}", device)) is None:
            return None
        part = kept[0]["columns"]
        if not number:
            columns, names = room(part.shape[1]), tuple(kept[1])
        columns[done : done + len(part)] = part
        done += len(part)
        if done == frames:
            break
    return columns, names


def _frames_a_part(columns: Tensor) -> int:
    return max(1, PART_BYTES // max(1, columns.shape[1] * columns.element_size()))


def _features_key(data: Data, pipeline: FeaturePipeline, points: Tensor) -> str:
    content = points.cpu().contiguous().numpy()
    layout = attrs.asdict(pipeline.layout)
    shape = [list(points.shape), str(points.dtype), points.device.type]
    return key_of(layout, shape, content.data, components=data.features)


def _is_plain(recording: Recording) -> bool:
    """Tell whether a recording's groups are what JSON keeps as it is."""
    return all(isinstance(word, str) for item in recording.groups.items() for word in item)


def _parts(dataset: Dataset) -> tuple[dict[str, Tensor], Any]:
    tensors: dict[str, Tensor] = {}
    told: list[dict[str, Any]] = []
    for number, recording in enumerate(dataset.recordings):
        plain = {name: getattr(recording, name) for name in PLAIN}
        views = [(view.individuals, view.asked) for view in recording.views]
        told.append(plain | {"groups": dict(recording.groups), "views": views})
        tensors[f"{number}.points"] = torch.from_numpy(np.ascontiguousarray(recording.points))
        if recording.confidence is not None:
            tensors[f"{number}.confidence"] = torch.from_numpy(np.ascontiguousarray(recording.confidence))
        for place, view in enumerate(recording.views):
            tensors[f"{number}.labels.{place}"] = torch.from_numpy(np.ascontiguousarray(view.labels))
    plain = {"classes": dataset.classes, "exclusive": dataset.exclusive, "notes": dataset.notes}
    return tensors, plain | {"recordings": told}


def _dataset(tensors: dict[str, Tensor], told: dict[str, Any]) -> Dataset:
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
    recordings = []
    for number, plain in enumerate(told["recordings"]):
        views = plain.pop("views")
        recordings.append(
            Recording(
                **plain | {name: tuple(plain[name]) for name in ("individuals", "keypoints")},
                points=arrays[f"{number}.points"],
                confidence=arrays.get(f"{number}.confidence"),
                views=tuple(
                    View(
                        tuple(individuals),
                        arrays[f"{number}.labels.{place}"],
                        None if asked is None else tuple(asked),
                    )
                    for place, (individuals, asked) in enumerate(views)
                ),
            )
        )
    return Dataset(tuple(recordings), tuple(told["classes"]), told["exclusive"], tuple(told["notes"]))
