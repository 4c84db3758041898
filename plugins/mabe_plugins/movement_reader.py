"""Pose reader `movement`: its config; a plugin of its own, whose extra is large."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import attrs

from mabe_core import PoseReaderSpec, PoseTracks, hookimpl
from mabe_plugins.pose_readers import min_confidence


@attrs.frozen(kw_only=True)
class MovementConfig:
    """Whatever the package movement reads, with the extra `movement`."""

    source: Literal["DeepLabCut", "SLEAP", "LightningPose", "Anipose", "NWB", "netCDF"] = attrs.field(
        default="netCDF", metadata={"help": "what wrote the file; netCDF: movement itself"}
    )
    unpickle: bool = attrs.field(
        default=False,
        metadata={
            "help": "let movement unpickle what is in an H5 file, which can run any command that somebody "
            "put there: for files that you trust"
        },
    )
    min_confidence: float | None = min_confidence(
        "points whose confidence is below this are taken as missing"
    )


def build_movement(config: MovementConfig) -> Callable[[Path], PoseTracks]:
    """Build the reader of one file."""
    from mabe_plugins.pose_readers.by_movement import read_by_movement

    return lambda file: read_by_movement(file, config)


@hookimpl
def mabe_pose_readers() -> list[PoseReaderSpec[MovementConfig]]:
    return [
        PoseReaderSpec(name="movement", config=MovementConfig, build=build_movement, suffixes=(".nc", ".nwb"))
    ]
