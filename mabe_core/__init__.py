"""The public surface: what a plugin needs, and nothing heavy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mabe_core.errors import DataError, Location, Problem, UserError, did_you_mean
from mabe_core.exchange import (
    UNLABELLED,
    Annotation,
    Augmentation,
    Bout,
    DataAccess,
    Dataset,
    DataShape,
    EncodingShape,
    Evaluation,
    Feature,
    FittingContext,
    LabelledFrames,
    LossContext,
    Partition,
    Pose,
    PoseLayout,
    PoseTracks,
    PostProcessing,
    Recording,
    Role,
    ScheduleContext,
    ScoredFrames,
    Segment,
    SplitContext,
    Splitter,
    View,
    WatchingSchedule,
)
from mabe_core.hookspecs import hookimpl
from mabe_core.registry import natural
from mabe_core.run_view import RunView, epoch_scores
from mabe_core.specs import (
    AugmentationSpec,
    Component,
    DatasetSpec,
    FeatureSpec,
    LabelReaderSpec,
    LossSpec,
    MetricSpec,
    ModelSpec,
    OptimizerSpec,
    PoseReaderSpec,
    PositionalEncodingSpec,
    PostProcessingSpec,
    SchedulerSpec,
    SplitSpec,
)

if TYPE_CHECKING:
    from mabe_core.data.labels import LabelRules, LabelTrack, label_track
    from mabe_core.data.report import ImportReport, import_report
    from mabe_core.inference.loading import load_model
    from mabe_core.long_arrays import in_blocks, let_go, long_array

__version__ = "0.1.0"

__all__ = [
    "UNLABELLED",
    "Annotation",
    "Augmentation",
    "AugmentationSpec",
    "Bout",
    "Component",
    "DataAccess",
    "DataError",
    "DataShape",
    "Dataset",
    "DatasetSpec",
    "EncodingShape",
    "Evaluation",
    "Feature",
    "FeatureSpec",
    "FittingContext",
    "ImportReport",
    "LabelReaderSpec",
    "LabelRules",
    "LabelTrack",
    "LabelledFrames",
    "Location",
    "LossContext",
    "LossSpec",
    "MetricSpec",
    "ModelSpec",
    "OptimizerSpec",
    "Partition",
    "Pose",
    "PoseLayout",
    "PoseReaderSpec",
    "PoseTracks",
    "PositionalEncodingSpec",
    "PostProcessing",
    "PostProcessingSpec",
    "Problem",
    "Recording",
    "Role",
    "RunView",
    "ScheduleContext",
    "SchedulerSpec",
    "ScoredFrames",
    "Segment",
    "SplitContext",
    "SplitSpec",
    "Splitter",
    "UserError",
    "View",
    "WatchingSchedule",
    "did_you_mean",
    "epoch_scores",
    "hookimpl",
    "import_report",
    "in_blocks",
    "label_track",
    "let_go",
    "load_model",
    "long_array",
    "natural",
]

# where the public names live that need numpy or torch: found when they are first used
_LAZY = {
    "ImportReport": "mabe_core.data.report",
    "LabelRules": "mabe_core.data.labels",
    "LabelTrack": "mabe_core.data.labels",
    "import_report": "mabe_core.data.report",
    "in_blocks": "mabe_core.long_arrays",
    "label_track": "mabe_core.data.labels",
    "let_go": "mabe_core.long_arrays",
    "load_model": "mabe_core.inference.loading",
    "long_array": "mabe_core.long_arrays",
}

if not TYPE_CHECKING:  # a type checker would take every misspelled name for one of these

    def __getattr__(name: str) -> object:
        """Import a heavy public name when it is first used (PEP 562)."""
        if name not in _LAZY:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import importlib

        return getattr(importlib.import_module(_LAZY[name]), name)
