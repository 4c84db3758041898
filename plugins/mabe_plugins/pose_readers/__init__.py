"""Pose reader `deeplabcut`: its config, and which file goes to which reader."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import attrs
from attrs.validators import ge, le, optional

from mabe_core import DataError, PoseReaderSpec, PoseTracks, hookimpl

CSV_SUFFIXES = (".csv",)
H5_SUFFIXES = (".h5", ".hdf5", ".hdf")


@attrs.frozen(kw_only=True)
class DeepLabCutConfig:
    """Tracks that DeepLabCut wrote: CSV or H5, one animal or several."""

    min_confidence: float | None = attrs.field(
        default=None,
        validator=optional([ge(0.0), le(1.0)]),
        metadata={"help": "points whose likelihood is below this are taken as missing"},
    )
    ignore_individuals: tuple[str, ...] = attrs.field(
        default=(), metadata={"help": "individuals of the file to leave out, such as 'single'"}
    )


def build_deeplabcut(config: DeepLabCutConfig) -> Callable[[Path], PoseTracks]:
    """Build the reader of one file; the suffix tells its format."""
    from mabe_plugins.pose_readers.dlc_tracks import tracks

    def read(file: Path) -> PoseTracks:
        suffix = file.suffix.lower()
        if suffix in CSV_SUFFIXES:
            from mabe_plugins.pose_readers.dlc_csv import read_csv as read_table
        elif suffix in H5_SUFFIXES:
            from mabe_plugins.pose_readers.dlc_h5 import read_h5 as read_table
        else:
            known = ", ".join(CSV_SUFFIXES + H5_SUFFIXES)
            raise DataError.at(
                file, f"DeepLabCut writes {known}, not {file.suffix or 'a file without suffix'}."
            )
        return tracks(read_table(file), config, file)

    return read


@hookimpl
def mabe_pose_readers() -> list[PoseReaderSpec[DeepLabCutConfig]]:
    return [
        PoseReaderSpec(
            name="deeplabcut",
            config=DeepLabCutConfig,
            build=build_deeplabcut,
            suffixes=CSV_SUFFIXES + H5_SUFFIXES,
        )
    ]
