"""Reads SLEAP's analysis files: arrays in HDF5, in either order of their axes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mabe_core import DataError, PoseTracks
from mabe_plugins.pose_readers.h5_values import load
from mabe_plugins.pose_readers.sleap_tracks import SleapArrays, pose_tracks

if TYPE_CHECKING:
    import h5py
    from numpy.typing import NDArray

    from mabe_plugins.pose_readers import SleapConfig

# the order that SLEAP itself writes; sleap-io tells another one beside the array
AXES = {
    "tracks": ("track", "xy", "node", "frame"),
    "point_scores": ("track", "node", "frame"),
    "track_occupancy": ("frame", "track"),
}
WANTED = ("frame", "track", "node", "xy")
REMEDY = "Export it again: in SLEAP, File > Export Analysis HDF5."


def read_analysis(file: Path, config: SleapConfig) -> PoseTracks:
    """Return the tracks of one file; raises DataError naming the array that does not fit."""
    import h5py

    size = file.stat().st_size
    try:
        with h5py.File(file, "r") as opened:
            return pose_tracks(_arrays(opened, size, file), config, file)
    except DataError:
        raise
    # what h5py raises where the file's structure is damaged or not what SLEAP writes
    except (OSError, KeyError, ValueError, TypeError, RuntimeError, AttributeError, IndexError) as error:
        reason = str(error).strip("'\"")
        raise DataError.at(
            file, f"not an analysis file that SLEAP wrote, or damaged: {reason}. {REMEDY}"
        ) from error


def _arrays(opened: h5py.File, size: int, file: Path) -> SleapArrays:
    missing = [name for name in ("tracks", "node_names", "track_names") if name not in opened]
    if missing:
        what = "this is a SLEAP project: name it with the suffix .slp" if "videos_json" in opened else REMEDY
        raise DataError.at(file, f"has no {' nor '.join(missing)}; {what}")
    nodes, tracks = (_names(opened[name], size) for name in ("node_names", "track_names"))
    sizes = {"xy": 2, "node": len(nodes), "track": max(len(tracks), 1)}
    frames: dict[str, int] = {}
    points = _in_order(opened, "tracks", size, sizes, frames, file)
    scores = None
    if "point_scores" in opened:
        scores = _in_order(opened, "point_scores", size, sizes, frames, file)
    if "track_occupancy" in opened:
        occupied = _in_order(opened, "track_occupancy", size, sizes, frames, file) != 0
        seen = ~np.isnan(points).all(axis=(2, 3))
        wrong = np.argwhere(seen & ~occupied)
        if len(wrong):
            frame, track = wrong[0]
            raise DataError.at(
                file,
                f"track_occupancy says that track {track} is not there in frame {frame}, where tracks has "
                f"points: the arrays do not belong together. {REMEDY}",
            )
    return SleapArrays(points, scores, tracks, nodes)


def _names(dataset: h5py.Dataset, size: int) -> tuple[str, ...]:
    return tuple(
        name.decode("utf-8") if isinstance(name, bytes) else str(name)
        for name in np.ravel(load(dataset, size)).tolist()
    )


def _in_order(
    opened: h5py.File, name: str, size: int, sizes: dict[str, int], frames: dict[str, int], file: Path
) -> NDArray[Any]:
    """Return an array with axes (frame, track, node, xy), those it has."""
    dataset = opened[name]
    told = dataset.attrs.get("dims")
    axes = AXES[name] if told is None else tuple(json.loads(told))
    if told is None and name == "track_occupancy" and dataset.shape == (sizes["track"], frames["frame"]):
        axes = ("track", "frame")  # some versions of SLEAP wrote it so
    if sorted(axes) != sorted(AXES[name]) or dataset.ndim != len(axes):
        raise DataError.at(file, f"{name} has the axes {axes}, not {AXES[name]}. {REMEDY}")
    for axis, length in zip(axes, dataset.shape, strict=True):
        wanted = frames.setdefault("frame", length) if axis == "frame" else sizes[axis]
        if length != wanted:
            raise DataError.at(
                file,
                f"{name} is {dataset.shape}, ({', '.join(axes)}): it has {length} along {axis!r}, where "
                f"the file's names and arrays say {wanted}. {REMEDY}",
            )
    found = load(dataset, size)
    if found.dtype.kind not in "fiub":
        raise DataError.at(file, f"{name} does not hold numbers. {REMEDY}")
    return found.transpose([axes.index(axis) for axis in WANTED if axis in axes])
