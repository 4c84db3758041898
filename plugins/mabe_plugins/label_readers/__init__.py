"""Label readers `boris`, `bouts`, `caltech` and `simba`: their configs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import attrs
from attrs.validators import ge, in_, min_len

from mabe_core import Annotation, LabelReaderSpec, hookimpl


@attrs.frozen(kw_only=True)
class BorisConfig:
    """Events that BORIS exported, tabular or aggregated, with times in seconds."""

    observation: str | None = attrs.field(
        default=None, metadata={"help": "the observation id to read, where a file holds several"}
    )
    unmatched: Literal["error", "close", "drop"] = attrs.field(
        default="error",
        metadata={
            "help": "a START without STOP, or the reverse: an error; close at the next START of the same "
            "behaviour or at the end of the film (a STOP without START is dropped); or drop both"
        },
    )
    points: Literal["error", "drop"] = attrs.field(
        default="error", metadata={"help": "events without duration: an error, or dropped and counted"}
    )
    target: str | None = attrs.field(
        default=None,
        metadata={
            "help": "the column that names the target, such as 'Modifier #1'",
            "identity": "unless default",
        },
    )


@attrs.frozen(kw_only=True)
class BoutsConfig:
    """Bouts in a plain CSV, a row each, with columns behaviour, start, stop, and maybe agent and target.

    Without `columns`, usual words are known: behavior, action or label; start_frame or start_second; end.
    """

    unit: Literal["frames", "seconds"] = attrs.field(metadata={"help": "what start and stop count"})
    columns: Mapping[str, str] = attrs.field(
        factory=dict,
        metadata={"help": "what the file calls behaviour, start, stop, agent, target, recording"},
    )
    recording: str | None = attrs.field(
        default=None, metadata={"help": "which recording's rows, where a column names several"}
    )
    first_frame: int = attrs.field(
        default=0, validator=in_((0, 1)), metadata={"help": "the number of a film's first frame"}
    )
    stop_included: bool = attrs.field(
        default=False, metadata={"help": "whether the frame `stop` is still of the bout"}
    )

    def __attrs_post_init__(self) -> None:
        known = ("behaviour", "start", "stop", "agent", "target", "recording")
        for name in self.columns:
            if name not in known:
                raise ValueError(f"columns names {name!r}, which is none of {', '.join(known)}")
        if self.unit == "seconds" and (self.first_frame or self.stop_included):
            raise ValueError("first_frame and stop_included are about frames, and unit is seconds")


@attrs.frozen(kw_only=True)
class SimbaTargetsConfig:
    """Target columns in a table that SimBA wrote, such as those in its folder targets_inserted."""

    targets: tuple[str, ...] = attrs.field(
        validator=min_len(1), metadata={"help": "the columns of 0 and 1 that tell behaviours"}
    )
    agents: Mapping[str, str] = attrs.field(
        factory=dict, metadata={"help": "of a target column, who does it, where that is told"}
    )


@attrs.frozen(kw_only=True)
class CaltechConfig:
    """Bouts that the Caltech Behavior Annotator wrote, in frames."""

    stream: int = attrs.field(
        default=1, validator=ge(1), metadata={"help": "which stream of the file: 1 for S1"}
    )


def build_boris(config: BorisConfig) -> Callable[[Path], Annotation]:
    """Build the reader of one file."""
    from mabe_plugins.label_readers.boris import read_boris

    return lambda file: read_boris(file, config)


def build_bouts(config: BoutsConfig) -> Callable[[Path], Annotation]:
    """Build the reader of one file."""
    from mabe_plugins.label_readers.bouts import read_bouts

    return lambda file: read_bouts(file, config)


def build_simba(config: SimbaTargetsConfig) -> Callable[[Path], Annotation]:
    """Build the reader of one file."""
    from mabe_plugins.label_readers.simba import read_targets

    return lambda file: read_targets(file, config)


def build_caltech(config: CaltechConfig) -> Callable[[Path], Annotation]:
    """Build the reader of one file."""
    from mabe_plugins.label_readers.caltech import read_caltech

    return lambda file: read_caltech(file, config)


@hookimpl
def mabe_label_readers() -> list[LabelReaderSpec[Any]]:
    return [
        LabelReaderSpec(name="boris", config=BorisConfig, build=build_boris, suffixes=(".csv", ".tsv")),
        LabelReaderSpec(name="bouts", config=BoutsConfig, build=build_bouts, suffixes=(".csv", ".tsv")),
        LabelReaderSpec(name="simba", config=SimbaTargetsConfig, build=build_simba, suffixes=(".csv",)),
        LabelReaderSpec(
            name="caltech", config=CaltechConfig, build=build_caltech, suffixes=(".txt", ".annot")
        ),
    ]
