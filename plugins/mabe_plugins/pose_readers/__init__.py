"""Pose readers `deeplabcut`, `sleap` and `simba`: their configs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
from attrs.validators import ge, le, optional

from mabe_core import DataError, PoseReaderSpec, PoseTracks, hookimpl

CSV_SUFFIXES = (".csv",)
H5_SUFFIXES = (".h5", ".hdf5", ".hdf")


def min_confidence(help: str) -> float | None:  # noqa: A002 - click's word for it
    """Declare the confidence below which points are taken as missing."""
    field: float | None = attrs.field(
        default=None, validator=optional([ge(0.0), le(1.0)]), metadata={"help": help}
    )
    return field


@attrs.frozen(kw_only=True)
class DeepLabCutConfig:
    """Tracks that DeepLabCut wrote: CSV or H5, one animal or several."""

    min_confidence: float | None = min_confidence(
        "points whose likelihood is below this are taken as missing"
    )
    ignore_individuals: tuple[str, ...] = attrs.field(
        default=(), metadata={"help": "individuals of the file to leave out, such as 'single'"}
    )


@attrs.frozen(kw_only=True)
class SleapConfig:
    """Tracks that SLEAP wrote: an analysis file (H5), or .slp with the extra `sleap`."""

    min_confidence: float | None = min_confidence("points whose score is below this are taken as missing")
    tracks: tuple[str, ...] = attrs.field(
        default=(), metadata={"help": "which tracks of the file, in this order; by default all"}
    )
    video: int = attrs.field(
        default=0, validator=ge(0), metadata={"help": "which video of a .slp that holds several, from 0"}
    )


@attrs.frozen(kw_only=True)
class SimbaConfig:
    """Tracks in a table that SimBA wrote, such as those in its folder targets_inserted."""

    min_confidence: float | None = min_confidence(
        "points whose probability is below this are taken as missing"
    )
    animals: tuple[str, ...] = attrs.field(
        default=(),
        metadata={
            "help": "what the body parts' names begin or end with, such as [1, 2] of Nose_1 and Nose_2; by "
            "default their numbers, where all have one"
        },
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
            raise _unknown_suffix(file, "DeepLabCut", CSV_SUFFIXES + H5_SUFFIXES)
        return tracks(read_table(file), config, file)

    return read


def build_sleap(config: SleapConfig) -> Callable[[Path], PoseTracks]:
    """Build the reader of one file; the suffix tells its format."""

    def read(file: Path) -> PoseTracks:
        suffix = file.suffix.lower()
        if suffix in H5_SUFFIXES:
            from mabe_plugins.pose_readers.sleap_analysis import read_analysis

            return read_analysis(file, config)
        if suffix == ".slp":
            from mabe_plugins.pose_readers.sleap_project import read_project

            return read_project(file, config)
        raise _unknown_suffix(file, "SLEAP", (*H5_SUFFIXES, ".slp"))

    return read


def build_simba(config: SimbaConfig) -> Callable[[Path], PoseTracks]:
    """Build the reader of one file."""
    from mabe_plugins.pose_readers.simba import read_simba

    return lambda file: read_simba(file, config)


def _unknown_suffix(file: Path, writer: str, known: tuple[str, ...]) -> DataError:
    found = file.suffix or "a file without suffix"
    return DataError.at(file, f"{writer} writes {', '.join(known)}, not {found}.")


@hookimpl
def mabe_pose_readers() -> list[PoseReaderSpec[Any]]:
    return [
        PoseReaderSpec(
            name="deeplabcut",
            config=DeepLabCutConfig,
            build=build_deeplabcut,
            suffixes=CSV_SUFFIXES + H5_SUFFIXES,
        ),
        PoseReaderSpec(name="sleap", config=SleapConfig, build=build_sleap, suffixes=(*H5_SUFFIXES, ".slp")),
        PoseReaderSpec(name="simba", config=SimbaConfig, build=build_simba, suffixes=CSV_SUFFIXES),
    ]
