"""Dataset `calms21`, the Caltech Mouse Social Interactions dataset: its config."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import attrs
from attrs.validators import in_

from mabe_core import DataAccess, Dataset, DatasetSpec, hookimpl

OTHER = "other"


@attrs.frozen(kw_only=True)
class CalMS21Config:
    """Caltech Mouse Social Interactions 2021: resident and intruder, 7 keypoints, 30 frames/s."""

    folder: str = attrs.field(
        default="calms21",
        metadata={
            "help": "the data's name: a folder that holds calms21_task1_train.json and its like, however deep"
        },
    )
    task: int = attrs.field(
        default=1,
        validator=in_((1, 2, 3)),
        metadata={"help": "1: classes; 2: other annotators' classes; 3: behaviours annotated one at a time"},
    )
    form: Literal["auto", "json", "npy"] = attrs.field(
        default="auto", metadata={"help": "which of the two forms is read; auto: json where both are there"}
    )
    annotators: tuple[int, ...] = attrs.field(
        default=(), metadata={"help": "whose annotations, by number; by default everybody's (task 2)"}
    )
    behaviours: tuple[str, ...] = attrs.field(
        default=(),
        metadata={
            "help": "task 3: one behaviour makes it and `other` exclusive classes; several, or none, which "
            "is all, make a frame have any number of them"
        },
    )

    def __attrs_post_init__(self) -> None:
        if self.behaviours and self.task != 3:
            raise ValueError("behaviours are chosen in task 3; tasks 1 and 2 have four classes")
        for what in ("annotators", "behaviours"):
            if len(set(getattr(self, what))) < len(getattr(self, what)):
                raise ValueError(f"{what} names one twice")

    @property
    def background(self) -> str:
        """The class of frames without a bout."""
        return OTHER


def build(config: CalMS21Config, access: DataAccess) -> Dataset:
    """Read all sequences; see recordings.py."""
    from mabe_plugins.calms21.recordings import read_dataset

    return read_dataset(config, access)


def sources(config: CalMS21Config, access: DataAccess) -> Sequence[Path]:
    """Name the files that are read, without reading them."""
    from mabe_plugins.calms21.files import find_files

    return [file for file, _ in find_files(config, access.find(config.folder))]


@hookimpl
def mabe_datasets() -> list[DatasetSpec[CalMS21Config]]:
    return [DatasetSpec(name="calms21", config=CalMS21Config, build=build, sources=sources)]
