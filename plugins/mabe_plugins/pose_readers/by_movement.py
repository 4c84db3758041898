"""Reads with the package movement, which knows more formats than there are readers here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mabe_core import DataError, PoseTracks, UserError
from mabe_plugins.pose_readers.doubtful import drop_doubtful

if TYPE_CHECKING:
    from mabe_plugins.movement_reader import MovementConfig

H5 = (".h5", ".hdf5", ".hdf")


def read_by_movement(file: Path, config: MovementConfig) -> PoseTracks:
    """Return the tracks of one file; raises DataError where movement cannot read it."""
    if config.source == "DeepLabCut" and file.suffix.lower() in H5 and not config.unpickle:
        raise DataError.at(
            file,
            "movement unpickles such a file, which can run any command that somebody put there. Use the "
            "reader `deeplabcut`, which does not, or write `unpickle: true` for files that you trust.",
        )
    try:
        from movement.io import load_poses
    except ImportError as error:
        raise UserError(
            f"{file} is to be read by the package movement: `pip install 'mabe-core[movement]'`."
        ) from error
    if not file.is_file():
        raise DataError.at(file, "there is no such file.")
    try:
        if config.source == "netCDF":
            import xarray

            with xarray.open_dataset(file) as opened:
                found = opened.load()
        else:
            found = load_poses.from_file(file, source_software=config.source)
        return _tracks(found, config, file)
    except DataError:
        raise
    # movement passes on what pandas, h5py, xarray and its own checks raise
    except (OSError, KeyError, ValueError, TypeError, RuntimeError, AttributeError, IndexError) as error:
        raise DataError.at(
            file, f"movement cannot read it as {config.source}: {' '.join(str(error).split())[:300]}."
        ) from error


def _tracks(found: Any, config: MovementConfig, file: Path) -> PoseTracks:
    axes = "time", "individuals", "keypoints"
    individuals, keypoints = (tuple(str(name) for name in found[axis].values) for axis in axes[1:])
    with np.errstate(over="ignore", invalid="ignore"):  # what is too large becomes infinite, which is told
        points = found["position"].transpose(*axes, "space").values.astype(np.float32)
    if not points.size:
        raise DataError.at(file, "there is no frame in it.")
    endless = np.argwhere(np.isinf(points))
    if len(endless):
        frame, who, which, _ = endless[0]
        raise DataError.at(file, f"frame {frame}: {individuals[who]} {keypoints[which]} lies at infinity.")
    confidence = None
    if "confidence" in found and not np.isnan(found["confidence"].values).all():
        confidence = np.nan_to_num(found["confidence"].transpose(*axes).values).astype(np.float32).clip(0, 1)
    notes = drop_doubtful(points, confidence, config.min_confidence, file)
    fps = found.attrs.get("fps")
    return PoseTracks(points, individuals, keypoints, confidence, float(fps) if fps else None, notes)
