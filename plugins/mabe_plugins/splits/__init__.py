"""Splits `given`, `recordings` and `time_blocks`: their configs."""

from __future__ import annotations

from typing import Any, Literal

import attrs
from attrs.validators import ge, gt, lt

from mabe_core import SplitSpec, Splitter, hookimpl

Share = float | tuple[str, ...]


def _is_share(_: object, attribute: attrs.Attribute[Any], value: Share) -> None:
    if isinstance(value, float | int) and not 0 <= value < 1:
        raise ValueError(f"{attribute.name} must be a share from 0 to below 1, or names, not {value!r}")


@attrs.frozen(kw_only=True)
class GivenConfig:
    """The parts that the dataset itself gives its recordings."""


@attrs.frozen(kw_only=True)
class RecordingsConfig:
    """Whole recordings, drawn by chance or named; never one recording in two parts."""

    validation: Share = attrs.field(
        default=0.2,
        validator=_is_share,
        metadata={"help": "share of the recordings (or groups), or their names"},
    )
    test: Share = attrs.field(
        default=0.0,
        validator=_is_share,
        metadata={"help": "share of the recordings (or groups), or their names"},
    )
    group_by: str = attrs.field(
        default="recording",
        metadata={
            "help": "keep together what has the same subject, lab, or other key of the dataset's groups"
        },
    )


@attrs.frozen(kw_only=True)
class TimeBlocksConfig:
    """Blocks of time of every recording: for data that has too few recordings to split by them.

    Blocks are drawn by chance, a number of times, and the draw whose classes are shared out most evenly wins.
    """

    blocks: int = attrs.field(
        default=10, validator=ge(2), metadata={"help": "blocks of equal length that a recording is cut into"}
    )
    validation: float = attrs.field(
        default=0.2, validator=[gt(0.0), lt(1.0)], metadata={"help": "share of the blocks, at least one"}
    )
    test: float = attrs.field(
        default=0.0,
        validator=[ge(0.0), lt(1.0)],
        metadata={"help": "share of the blocks; above 0 at least one"},
    )
    missing_classes: Literal["error", "allow"] = attrs.field(
        default="error",
        metadata={"help": "a class that cannot be in every part: an error, or told with scores"},
    )


def build_given(config: GivenConfig) -> Splitter:
    """Build the split by the dataset's own roles."""
    from mabe_plugins.splits.by_recording import split_given

    return split_given


def build_recordings(config: RecordingsConfig) -> Splitter:
    """Build the split by whole recordings."""
    from mabe_plugins.splits.by_recording import split_recordings

    return lambda recordings, context: split_recordings(config, recordings, context)


def build_time_blocks(config: TimeBlocksConfig) -> Splitter:
    """Build the split by blocks of time."""
    from mabe_plugins.splits.time_blocks import split_time_blocks

    return lambda recordings, context: split_time_blocks(config, recordings, context)


@hookimpl
def mabe_splits() -> list[SplitSpec[Any]]:
    return [
        SplitSpec(name="given", config=GivenConfig, build=build_given),
        SplitSpec(name="recordings", config=RecordingsConfig, build=build_recordings),
        SplitSpec(name="time_blocks", config=TimeBlocksConfig, build=build_time_blocks),
    ]
