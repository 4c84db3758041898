"""The features: what becomes of keypoints before a model sees them; docs/features.md tells which to take."""

from __future__ import annotations

from typing import Any

from mabe_core import FeatureSpec, hookimpl

from .clock import ClockConfig, build_clock
from .egocentric import EgocentricConfig, build_egocentric
from .interpolate import InterpolateConfig, build_interpolate
from .motion import MotionConfig, build_motion
from .normalize import NormalizeConfig, build_normalize
from .smooth import SmoothConfig, build_smooth


@hookimpl
def mabe_features() -> list[FeatureSpec[Any]]:
    """Offer the features."""
    return [
        FeatureSpec(name="normalize", config=NormalizeConfig, build=build_normalize),
        FeatureSpec(name="interpolate", config=InterpolateConfig, build=build_interpolate),
        FeatureSpec(name="smooth", config=SmoothConfig, build=build_smooth),
        FeatureSpec(name="motion", config=MotionConfig, build=build_motion),
        FeatureSpec(name="egocentric", config=EgocentricConfig, build=build_egocentric),
        FeatureSpec(name="clock", config=ClockConfig, build=build_clock),
    ]
