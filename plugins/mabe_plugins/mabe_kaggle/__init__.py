"""Dataset `mabe_kaggle`, mice of 19 labs from the MABe challenge of 2025: its config."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import attrs
from attrs.validators import gt, min_len

from mabe_core import DataAccess, Dataset, DatasetSpec, hookimpl


@attrs.frozen(kw_only=True)
class MabeKaggleConfig:
    """MABe challenge 2025, social actions of mice: centimetres, one frame rate, common body parts."""

    folder: str = attrs.field(
        default="mabe_kaggle",
        metadata={"help": "the data's name: the folder with train.csv, train_tracking and train_annotation"},
    )
    part: Literal["train", "test"] = attrs.field(
        default="train", metadata={"help": "test has no annotation: for predictions, not for training"}
    )
    labs: tuple[str, ...] = attrs.field(default=(), metadata={"help": "which labs' videos; by default all"})
    actions: tuple[str, ...] = attrs.field(
        default=(), metadata={"help": "which actions are told apart; by default all that are listed anywhere"}
    )
    fps: float = attrs.field(
        default=30.0, validator=gt(0.0), metadata={"help": "frames a second that all videos are brought to"}
    )
    body_parts: tuple[str, ...] = attrs.field(
        default=("nose", "ear_left", "ear_right", "body_center", "tail_base"),
        validator=min_len(1),
        metadata={"help": "the body parts of all labs; one that a lab does not track is missing there"},
    )
    stand_ins: bool = attrs.field(
        default=True,
        metadata={"help": "take others for an untracked part: the middle of both hips for body_center"},
    )
    past_end: Literal["error", "trim"] = attrs.field(
        default="error",
        metadata={"help": "annotations past the tracking's last frame: an error, or cut and counted"},
    )
    known_faults: Literal["mend", "keep"] = attrs.field(
        default="mend",
        metadata={"help": "mend: annotations of AdaptableSnail's 25 frames/s videos count 30 frames/s"},
    )
    longer_videos: Literal["error", "keep"] = attrs.field(
        default="error",
        metadata={"help": "tracking that is longer than the table's duration allows: an error, or kept"},
    )

    def __attrs_post_init__(self) -> None:
        for what in ("labs", "actions", "body_parts"):
            names = getattr(self, what)
            if len(set(names)) < len(names):
                raise ValueError(f"{what} names one twice")


def build(config: MabeKaggleConfig, access: DataAccess) -> Dataset:
    """Read all videos; see recordings.py."""
    from mabe_plugins.mabe_kaggle.recordings import read_dataset

    return read_dataset(config, access)


def sources(config: MabeKaggleConfig, access: DataAccess) -> Sequence[Path]:
    """Name the files that are read; of these only the table of videos is read for that."""
    from mabe_plugins.mabe_kaggle.table import read_videos

    folder = access.find(config.folder)
    videos, _ = read_videos(config, folder)
    return [
        folder / f"{config.part}.csv",
        *(file for video in videos for file in video.files(folder, config.part)),
    ]


@hookimpl
def mabe_datasets() -> list[DatasetSpec[MabeKaggleConfig]]:
    return [DatasetSpec(name="mabe_kaggle", config=MabeKaggleConfig, build=build, sources=sources)]
