"""A plugin file for the engine's own tests: two dots that wander, or meet; and an augmentation."""

import attrs
from attrs.validators import gt

from mabe_core import (
    AugmentationSpec,
    DataAccess,
    Dataset,
    DatasetSpec,
    Pose,
    PoseLayout,
    Recording,
    View,
    hookimpl,
)


@attrs.frozen(kw_only=True)
class TinyConfig:
    """Two animals of two keypoints; they meet where a slow wave is positive."""

    recordings: int = attrs.field(default=4, validator=gt(1), metadata={"help": "how many"})
    frames: int = attrs.field(default=400, validator=gt(0), metadata={"help": "of each"})
    missing: float = attrs.field(default=0.0, metadata={"help": "share of points that are missing"})
    classes: tuple[str, ...] = attrs.field(default=("apart", "meet"), metadata={"help": "names"})
    gives_roles: bool = attrs.field(default=True, metadata={"help": "whether recordings have roles"})


def build(config: TinyConfig, access: DataAccess) -> Dataset:
    import numpy as np

    recordings = []
    for number in range(config.recordings):
        rng = np.random.default_rng(number)
        time = np.arange(config.frames)
        meet = np.sin(time / 20 + number) > 0
        distance = np.where(meet, 0.2, 1.5)[:, None]
        first = rng.normal(size=(config.frames, 2, 2)) * 0.1
        second = first + distance[:, :, None] + rng.normal(size=(config.frames, 2, 2)) * 0.2
        points = np.stack([first, second], axis=1).astype(np.float32)
        points[rng.random(points.shape[:3]) < config.missing] = np.nan
        labels = np.zeros((config.frames, len(config.classes)), dtype=np.int8)
        labels[time, meet.astype(int)] = 1
        recordings.append(
            Recording(
                name=f"tiny{number}",
                points=points,
                fps=30.0,
                individuals=("a", "b"),
                keypoints=("nose", "tail"),
                views=(View((0, 1), labels),),
                role=("validation" if number == 0 else "train") if config.gives_roles else None,
            )
        )
    return Dataset(recordings=tuple(recordings), classes=config.classes)


@attrs.frozen
class TurnConfig:
    """Turn each window by one random angle."""


def build_turn(config: TurnConfig, layout: PoseLayout):
    import torch

    def turn(pose: Pose) -> Pose:
        angle = torch.rand(pose.points.shape[0], 1, 1, 1, device=pose.points.device) * 2 * torch.pi
        x, y = pose.points[..., 0], pose.points[..., 1]
        turned = torch.stack([x * angle.cos() - y * angle.sin(), x * angle.sin() + y * angle.cos()], dim=-1)
        return attrs.evolve(pose, points=turned)

    return turn


@hookimpl
def mabe_datasets():
    return [DatasetSpec(name="tiny", config=TinyConfig, build=build)]


@hookimpl
def mabe_augmentations():
    return [AugmentationSpec(name="turn", config=TurnConfig, build=build_turn)]
