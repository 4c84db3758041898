"""A plugin file for tests of the cloud: an augmentation that changes nothing, and holds a run up until it is let go."""

import os
import time
from pathlib import Path

import attrs

from mabe_core import AugmentationSpec, Pose, PoseLayout, hookimpl


@attrs.frozen(kw_only=True)
class HoldConfig:
    """Let a process do some batches, and each further one take a second until a file is there.

    The file is looked for where the loopback server lets containers see it; anywhere else nothing is held.
    """

    until: str = attrs.field(metadata={"help": "name of the file"})
    after: int = attrs.field(metadata={"help": "batches that are not held"})


def build(config: HoldConfig, layout: PoseLayout):
    outside = os.environ.get("LOOPBACK_OUTSIDE")
    batches = 0

    def hold(pose: Pose) -> Pose:
        nonlocal batches
        batches += 1
        deadline = time.monotonic() + 1
        while outside and batches > config.after and time.monotonic() < deadline:
            if (Path(outside) / config.until).exists():
                break
            time.sleep(0.02)
        return pose

    return hold


@hookimpl
def mabe_augmentations():
    return [AugmentationSpec(name="hold", config=HoldConfig, build=build)]
