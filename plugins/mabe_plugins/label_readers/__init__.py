"""Label readers `boris` and `caltech`: their configs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import attrs
from attrs.validators import ge

from mabe_core import Annotation, LabelReaderSpec, hookimpl


@attrs.frozen(kw_only=True)
class BorisConfig:
    """Events that BORIS exported as a table, with times in seconds."""

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


def build_caltech(config: CaltechConfig) -> Callable[[Path], Annotation]:
    """Build the reader of one file."""
    from mabe_plugins.label_readers.caltech import read_caltech

    return lambda file: read_caltech(file, config)


@hookimpl
def mabe_label_readers() -> list[LabelReaderSpec[Any]]:
    return [
        LabelReaderSpec(name="boris", config=BorisConfig, build=build_boris, suffixes=(".csv", ".tsv")),
        LabelReaderSpec(
            name="caltech", config=CaltechConfig, build=build_caltech, suffixes=(".txt", ".annot")
        ),
    ]
