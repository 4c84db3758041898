"""Splits `given`, `recordings` and `time_blocks`: their configs."""

from __future__ import annotations

from typing import Any, Literal

import attrs
from attrs.validators import ge, gt, lt, optional

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
    """Whole recordings, drawn by chance or named; never one recording in two parts.

    With `folds` and `fold`, groups are dealt out to folds whatever the seed; that fold is the test part, and
    validation is a share of the other groups, drawn by the seed.
    """

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
    given_test: bool = attrs.field(
        default=False,
        metadata={
            "help": "what the dataset itself gives as test is the test part; training and validation share "
            "the other recordings",
            "identity": "unless default",
        },
    )
    folds: int | None = attrs.field(
        default=None,
        validator=optional(ge(2)),
        metadata={"help": "test on one of so many folds of the groups", "identity": "unless default"},
    )
    fold: int | None = attrs.field(
        default=None,
        validator=optional(ge(0)),
        metadata={"help": "which fold is tested on, from 0", "identity": "unless default"},
    )
    fold_by: Literal["order", "number"] = attrs.field(
        default="order",
        metadata={
            "help": "order: groups, sorted by name, are dealt out in turn; number: the last number in a "
            "group's name, modulo folds, is its fold",
            "identity": "unless default",
        },
    )

    def __attrs_post_init__(self) -> None:
        if self.given_test and (self.test or self.folds is not None):
            raise ValueError(
                "with `given_test`, the dataset says what the test part is: leave out the others."
            )
        if self.folds is None or self.fold is None:
            for key in ("folds", "fold"):
                if getattr(self, key) is not None:
                    raise ValueError(f"`{key}` needs `{'fold' if key == 'folds' else 'folds'}` beside it.")
            if self.fold_by != "order":
                raise ValueError("`fold_by` says how folds are made, and there are none: add `folds`.")
            return
        if self.fold >= self.folds:
            raise ValueError(f"folds are counted from 0: of {self.folds} the last is {self.folds - 1}.")
        if self.test:
            raise ValueError("with `folds`, the fold is the test part: leave `test` out.")
        if isinstance(self.validation, tuple):
            raise ValueError("with `folds`, validation is a share: a group that is named is tested on too.")


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
