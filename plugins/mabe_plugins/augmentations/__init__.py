"""The augmentations: random changes of a window's keypoints that leave its labels true."""

from __future__ import annotations

from typing import Any, Literal

import attrs
from attrs.validators import and_, gt, in_, le

from mabe_core import Augmentation, AugmentationSpec, PoseLayout, UserError, hookimpl


def share(default: float, help: str) -> float:  # noqa: A002 - click's word for it
    """Declare a probability above 0."""
    field: float = attrs.field(default=default, validator=and_(gt(0.0), le(1.0)), metadata={"help": help})
    return field


def about() -> Any:
    """Declare what stays in place."""
    return attrs.field(
        default="window",
        validator=in_(("window", "origin")),
        metadata={
            "help": "what stays in place: the window's mean point; or 0, which normalize makes the arena's"
        },
    )


@attrs.frozen(kw_only=True)
class RotationConfig:
    """Turn each window on the ground by one random angle."""

    max_degrees: float = attrs.field(
        default=180.0, validator=and_(gt(0.0), le(180.0)), metadata={"help": "largest angle, either way"}
    )
    about: Literal["window", "origin"] = about()


@attrs.frozen(kw_only=True)
class MirrorConfig:
    """Mirror windows left to right, and change left keypoints for right ones by their names."""

    probability: float = share(0.5, "share of the windows that are mirrored")
    about: Literal["window", "origin"] = about()
    pairs: tuple[tuple[str, str], ...] = attrs.field(
        default=(),
        metadata={
            "help": "left and right keypoints whose names do not say it, such as [[whisker1, whisker2]]; one "
            "that has no other is paired with itself"
        },
    )


@attrs.frozen(kw_only=True)
class ScaleConfig:
    """Make each window larger or smaller by one random factor."""

    largest: float = attrs.field(
        default=1.2,
        validator=gt(1.0),
        metadata={"help": "factors lie between 1/largest and largest, log-uniformly"},
    )
    about: Literal["window", "origin"] = about()


@attrs.frozen(kw_only=True)
class KeypointDropoutConfig:
    """Let keypoints go missing for a while; the feature `interpolate` has to follow inside the step."""

    probability: float = share(
        0.1, "share of a window's keypoints, of each animal by itself, that go missing"
    )
    max_seconds: float = attrs.field(
        default=0.5, validator=gt(0.0), metadata={"help": "longest time that one is missing"}
    )


@attrs.frozen(kw_only=True)
class JitterConfig:
    """Add noise to every coordinate, in each frame anew."""

    spread: float = attrs.field(
        default=0.02,
        validator=gt(0.0),
        metadata={"help": "standard deviation in units of the points, such as body lengths"},
    )


@attrs.frozen(kw_only=True)
class IdentitySwapConfig:
    """Put the animals of each window in a random order, where labels do not tell who is who."""

    labels_are_symmetric: bool = attrs.field(
        metadata={
            "help": "true says that a behaviour is labelled the same whoever does it to whom; without that, "
            "agent and target must not be swapped"
        },
    )

    def __attrs_post_init__(self) -> None:
        if not self.labels_are_symmetric:
            raise ValueError("identity_swap makes wrong labels where they are not symmetric: leave it out")


def build_rotation(config: RotationConfig, layout: PoseLayout) -> Augmentation:
    """Build the map; see torch_augmentations.py."""
    from .torch_augmentations import Rotation

    return Rotation(config.max_degrees, config.about)


def build_mirror(config: MirrorConfig, layout: PoseLayout) -> Augmentation:
    """Build the map; see torch_augmentations.py."""
    from .sides import other_sides
    from .torch_augmentations import Mirror

    return Mirror(config.probability, config.about, other_sides(layout.keypoints, config.pairs))


def build_scale(config: ScaleConfig, layout: PoseLayout) -> Augmentation:
    """Build the map; see torch_augmentations.py."""
    from .torch_augmentations import Scale

    return Scale(config.largest, config.about)


def build_keypoint_dropout(config: KeypointDropoutConfig, layout: PoseLayout) -> Augmentation:
    """Build the map; see torch_augmentations.py."""
    from .torch_augmentations import KeypointDropout

    return KeypointDropout(config.probability, max(1.0, config.max_seconds * layout.fps))


def build_jitter(config: JitterConfig, layout: PoseLayout) -> Augmentation:
    """Build the map; see torch_augmentations.py."""
    from .torch_augmentations import Jitter

    return Jitter(config.spread)


def build_identity_swap(config: IdentitySwapConfig, layout: PoseLayout) -> Augmentation:
    """Build the map; see torch_augmentations.py."""
    from .torch_augmentations import identity_swap

    if len(layout.individuals) < 2:
        raise UserError("identity_swap: there is one animal, and nobody to swap it with.")
    return identity_swap


@hookimpl
def mabe_augmentations() -> list[AugmentationSpec[Any]]:
    return [
        AugmentationSpec(name="rotation", config=RotationConfig, build=build_rotation),
        AugmentationSpec(name="mirror", config=MirrorConfig, build=build_mirror),
        AugmentationSpec(name="scale", config=ScaleConfig, build=build_scale),
        AugmentationSpec(name="keypoint_dropout", config=KeypointDropoutConfig, build=build_keypoint_dropout),
        AugmentationSpec(name="jitter", config=JitterConfig, build=build_jitter),
        AugmentationSpec(name="identity_swap", config=IdentitySwapConfig, build=build_identity_swap),
    ]
