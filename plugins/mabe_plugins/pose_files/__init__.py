"""Dataset `pose_files`: tracked keypoints and hand-made annotations, file by file; its config."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import attrs
from attrs.validators import gt, min_len, optional

from mabe_core import (
    Component,
    DataAccess,
    Dataset,
    DatasetSpec,
    LabelReaderSpec,
    PoseReaderSpec,
    hookimpl,
)


@attrs.frozen(kw_only=True)
class Pair:
    """The two files of one recording, relative to the folder."""

    pose: str = attrs.field(metadata={"help": "the file of keypoints"})
    labels: str = attrs.field(metadata={"help": "the file of annotations"})
    recording: str | None = attrs.field(
        default=None, metadata={"help": "the recording's name; by default the pose file's, without suffix"}
    )
    groups: Mapping[str, str] = attrs.field(
        factory=dict, metadata={"help": "what the data can be split by, such as {subject: m3}"}
    )


@attrs.frozen(kw_only=True)
class PoseFilesConfig:
    """Keypoints from a tracker's files and labels from an annotation tool's, paired."""

    folder: str = attrs.field(metadata={"help": "the data's name: a folder under --data-dir or $MABE_DATA"})
    pose: Component[PoseReaderSpec[Any]] = attrs.field(
        default=Component("deeplabcut"), metadata={"help": "what reads the files of keypoints"}
    )
    labels: Component[LabelReaderSpec[Any]] = attrs.field(
        metadata={"help": "what reads the files of annotations"}
    )
    pairs: tuple[Pair, ...] = attrs.field(
        default=(),
        metadata={"help": "which files belong together: pose, labels, and maybe recording and groups"},
    )
    pose_pattern: str | None = attrs.field(
        default=None,
        metadata={
            "help": "instead of pairs: paths in which {word} stands for what the two files of a recording "
            "share, as few characters as fit, and * for anything but /; the words become the recording's "
            "name and groups"
        },
    )
    labels_pattern: str | None = attrs.field(
        default=None, metadata={"help": "the annotation files' paths, with the same {words}"}
    )
    fps: float | None = attrs.field(
        default=None,
        validator=optional(gt(0.0)),
        metadata={"help": "frames a second, where the pose files do not tell"},
    )
    individuals: tuple[str, ...] = attrs.field(
        default=(), metadata={"help": "which individuals, agent first; by default all, in the file's order"}
    )
    classes: tuple[str, ...] = attrs.field(
        validator=min_len(1),
        metadata={"help": "what is to be told apart, in the order of the model's scores"},
    )
    behaviours: Mapping[str, str] = attrs.field(
        factory=dict, metadata={"help": "the annotation's word: the class, where the two differ"}
    )
    background: str | None = attrs.field(
        default=None,
        metadata={
            "help": "the class of observed frames without a bout; added to the classes if it is not there"
        },
    )
    other_behaviours: Literal["error", "background", "unlabelled"] = attrs.field(
        default="error", metadata={"help": "what bouts of behaviours become that are no class"}
    )
    unobserved: Literal["unlabelled", "background"] = attrs.field(
        default="unlabelled", metadata={"help": "what frames become outside the time that was observed"}
    )
    past_end: Literal["error", "trim"] = attrs.field(
        default="error",
        metadata={"help": "annotations past the pose's last frame: an error, or cut and counted"},
    )
    subjects: Mapping[str, str | None] = attrs.field(
        factory=dict,
        metadata={"help": "the annotation's word for an individual: its name in the pose, or null for none"},
    )
    views: Literal["together", "pairs"] = attrs.field(
        default="together",
        metadata={
            "help": "together: all individuals in one view, with everybody's bouts; pairs: a view for each "
            "ordered two, with the bouts of that agent and target",
            "identity": "unless default",
        },
    )
    multi_label: bool = attrs.field(
        default=False,
        metadata={"help": "whether a frame may have several classes, or none", "identity": "unless default"},
    )

    def __attrs_post_init__(self) -> None:
        patterns = [pattern for pattern in (self.pose_pattern, self.labels_pattern) if pattern is not None]
        if bool(self.pairs) == bool(patterns) or len(patterns) == 1:
            raise ValueError("give either pairs, or both pose_pattern and labels_pattern")
        if len(set(self.classes)) != len(self.classes):
            raise ValueError("a class is named twice in classes")
        for word, name in self.behaviours.items():
            if name not in self.all_classes:
                raise ValueError(f"behaviours maps {word!r} to {name!r}, which is not in classes")
        if self.background is None and "background" in (self.other_behaviours, self.unobserved):
            raise ValueError("other_behaviours or unobserved is background: name that class as background")
        if self.multi_label and self.background is not None:
            raise ValueError("with multi_label, a frame without a bout has no class: leave background out")
        if len(self.all_classes) < 2 and not self.multi_label:
            raise ValueError("one class leaves nothing to tell apart: name another, or a background")

    @property
    def all_classes(self) -> tuple[str, ...]:
        """The classes, with the background where it is not among those given."""
        if self.background is None or self.background in self.classes:
            return self.classes
        return (*self.classes, self.background)


def build(config: PoseFilesConfig, access: DataAccess) -> Dataset:
    """Read all recordings; see recordings.py."""
    from mabe_plugins.pose_files.recordings import read_dataset

    return read_dataset(config, access)


def sources(config: PoseFilesConfig, access: DataAccess) -> Sequence[Path]:
    """Name the files that are read, without reading them."""
    from mabe_plugins.pose_files.pairing import find_pairs

    pairs, _ = find_pairs(config, access.find(config.folder))
    return [file for pair in pairs for file in (pair.pose, pair.labels)]


@hookimpl
def mabe_datasets() -> list[DatasetSpec[PoseFilesConfig]]:
    return [DatasetSpec(name="pose_files", config=PoseFilesConfig, build=build, sources=sources)]
