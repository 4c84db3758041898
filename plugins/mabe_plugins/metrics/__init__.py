"""The metrics: `accuracy` and `f1` from counts; those of rankings, labs and bouts from frames."""

from __future__ import annotations

from typing import Any

import attrs
from attrs.validators import and_, deep_iterable, gt, le, min_len

from mabe_core import DataShape, MetricSpec, UserError, did_you_mean, hookimpl

from .counts import AccuracyConfig, Metric, build_accuracy


def _without() -> Any:
    return attrs.field(
        default=(),
        metadata={"help": "classes that are left out of the score of all classes, such as a background"},
    )


@attrs.frozen(kw_only=True)
class F1Config:
    """F1 of each class, and macro-F1: their mean over all classes, a class that never occurs counting 0."""

    without: tuple[str, ...] = _without()


@attrs.frozen(kw_only=True)
class AveragePrecisionConfig:
    """Average precision of each class over all frames, and `map`, its mean; thresholds play no part."""

    without: tuple[str, ...] = _without()


@attrs.frozen(kw_only=True)
class SegmentsConfig:
    """Bouts found: F1 of bouts that overlap with a labelled one by 10, 25 and 50%, and the edit score.

    C. Lea, M. D. Flynn, R. Vidal, A. Reiter, G. D. Hager (2017), "Temporal Convolutional Networks for Action
    Segmentation and Detection", CVPR.
    """

    overlaps: tuple[float, ...] = attrs.field(
        default=(0.1, 0.25, 0.5),
        validator=[min_len(1), deep_iterable(and_(gt(0.0), le(1.0)))],
        metadata={"help": "shares of both bouts' frames together that two have to have in common"},
    )
    without: tuple[str, ...] = _without()


@attrs.frozen
class BoutsConfig:
    """How many bouts of each class there are and how long they last, as labelled and as found."""


@attrs.frozen(kw_only=True)
class FBetaConfig:
    """The score of the MABe challenge 2025: F-beta of each class in each lab, averaged over both.

    A class counts in the labs that labelled it, and there in the frames that are labelled for it.
    """

    beta: float = attrs.field(
        default=1.0, validator=gt(0.0), metadata={"help": "how much more missed frames count than false ones"}
    )
    group: str = attrs.field(
        default="lab",
        metadata={"help": "the recordings' group that is averaged over; without it all are one"},
    )


def build_f1(config: F1Config, data: DataShape) -> Metric:
    """Build `macro_f1` and one `f1_<class>` a class; see counts.py."""
    from .counts import f1

    return f1(data.class_names, counted("f1", config.without, data))


def build_average_precision(config: AveragePrecisionConfig, data: DataShape) -> Metric:
    """Build `map` and one `ap_<class>` a class; see ranking.py."""
    from .ranking import average_precisions

    return average_precisions(data.class_names, counted("average_precision", config.without, data))


def build_segments(config: SegmentsConfig, data: DataShape) -> Metric:
    """Build `segment_f1_<percent>` and, where classes exclude each other, `edit_score`; see segments.py."""
    from .segments import segment_scores

    return segment_scores(config.overlaps, counted("segments", config.without, data), data.exclusive)


def build_f_beta(config: FBetaConfig, _: DataShape) -> Metric:
    """Build `mabe_f_beta`; see labs.py."""
    from .labs import f_beta_over_labs

    return f_beta_over_labs(config.group, config.beta)


def build_bouts(_: BoutsConfig, data: DataShape) -> Metric:
    """Build four numbers a class; see segments.py."""
    from .segments import bout_statistics

    return bout_statistics(data.class_names)


def counted(metric: str, without: tuple[str, ...], data: DataShape) -> tuple[int, ...]:
    """Return the numbers of the classes that count; raise UserError where one is unknown or none is left."""
    for name in without:
        if name not in data.class_names:
            hint = did_you_mean(name, data.class_names)
            raise UserError(f"{metric}: without names {name!r}, which is no class.{hint}")
    left = tuple(number for number, name in enumerate(data.class_names) if name not in without)
    if not left:
        raise UserError(f"{metric}: without leaves no class to score: {', '.join(without)}.")
    return left


@hookimpl
def mabe_metrics() -> list[MetricSpec[Any]]:
    return [
        MetricSpec(name="accuracy", config=AccuracyConfig, build=build_accuracy),
        MetricSpec(name="f1", config=F1Config, build=build_f1),
        MetricSpec(
            name="average_precision",
            config=AveragePrecisionConfig,
            build=build_average_precision,
            needs="frames",
        ),
        MetricSpec(name="segments", config=SegmentsConfig, build=build_segments, needs="frames"),
        MetricSpec(name="mabe_f_beta", config=FBetaConfig, build=build_f_beta, needs="frames"),
        MetricSpec(name="bouts", config=BoutsConfig, build=build_bouts, needs="frames", descriptive=True),
    ]
