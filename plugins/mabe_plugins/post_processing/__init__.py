"""The post-processing: `thresholds`, `median_filter`, `bout_length` and `hmm`; docs/post-processing.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import attrs
from attrs.validators import deep_iterable, ge, gt, in_, min_len

from mabe_core import DataShape, FittingContext, PostProcessing, PostProcessingSpec, hookimpl

Fitted = Mapping[str, Any]


def seconds(default: tuple[float, ...], help: str) -> Any:  # noqa: A002 - click's word for it
    """Declare lengths of time, of which one is chosen."""
    return attrs.field(
        default=default,
        validator=[min_len(1), deep_iterable(ge(0.0))],
        metadata={"help": f"{help}; of several, the one of best macro-F1 on validation is taken"},
    )


@attrs.frozen(kw_only=True)
class ThresholdsConfig:
    """Decide each class by a threshold of its own, chosen for the best F1 on validation recordings.

    Where classes exclude each other: by what is added to each log-probability, for the best macro-F1.
    """

    largest: float = attrs.field(
        default=3.0,
        validator=gt(0.0),
        metadata={"help": "how far log-odds are moved at most, either way"},
    )


@attrs.frozen(kw_only=True)
class MedianFilterConfig:
    """Replace each probability by the median over the time around it, so that no single frame flickers."""

    seconds: tuple[float, ...] = seconds((0.0, 0.2, 0.5, 1.0, 2.0), "length of time, centred on the frame")


@attrs.frozen(kw_only=True)
class BoutLengthConfig:
    """Close short gaps within a behaviour, then leave out bouts that are too short to be one."""

    closes: tuple[float, ...] = seconds((0.0, 0.2, 0.5, 1.0), "seconds up to which a gap is closed")
    shortest: tuple[float, ...] = seconds((0.0, 0.2, 0.5, 1.0), "seconds that a bout lasts at least")


@attrs.frozen(kw_only=True)
class HmmConfig:
    """Smooth by a hidden Markov model whose transitions are counted in the labels of the training part.

    Scores are the log-probability less `prior` times the class's log-frequency, times `scale`: neighbouring
    frames say much the same, which the model takes for independent (L. R. Rabiner 1989, "A tutorial on hidden
    Markov models and selected applications in speech recognition", Proc. IEEE 77).
    """

    decode: Literal["posterior", "viterbi"] = attrs.field(
        default="posterior",
        validator=in_(("posterior", "viterbi")),
        metadata={
            "help": "posterior: the probability of each class given the whole recording; viterbi: the most "
            "probable course of classes"
        },
    )
    scale: tuple[float, ...] = attrs.field(
        default=(1.0, 0.5, 0.2, 0.1, 0.05),
        validator=[min_len(1), deep_iterable(gt(0.0))],
        metadata={"help": "weight of a frame's scores; of several, the one of best macro-F1 on validation"},
    )
    prior: tuple[float, ...] = attrs.field(
        default=(0.0, 0.5, 1.0),
        validator=[min_len(1), deep_iterable(ge(0.0))],
        metadata={"help": "share of the class frequencies that is taken out; likewise"},
    )


def fit_thresholds(config: ThresholdsConfig, context: FittingContext) -> Fitted:
    """Find what is added to each class's log-odds; see thresholds.py."""
    from .thresholds import fit

    return fit(config, context)


def build_thresholds(config: ThresholdsConfig, data: DataShape, fitted: Fitted) -> PostProcessing:
    """Build the map; see thresholds.py."""
    from .thresholds import build

    return build(data, fitted)


def fit_median_filter(config: MedianFilterConfig, context: FittingContext) -> Fitted:
    """Choose the length; see median.py."""
    from .median import fit

    return fit(config, context)


def build_median_filter(config: MedianFilterConfig, data: DataShape, fitted: Fitted) -> PostProcessing:
    """Build the map; see median.py."""
    from .median import build

    return build(data, fitted)


def fit_bout_length(config: BoutLengthConfig, context: FittingContext) -> Fitted:
    """Choose both lengths; see bout_length.py."""
    from .bout_length import fit

    return fit(config, context)


def build_bout_length(config: BoutLengthConfig, data: DataShape, fitted: Fitted) -> PostProcessing:
    """Build the map; see bout_length.py."""
    from .bout_length import build

    return build(data, fitted)


def fit_hmm(config: HmmConfig, context: FittingContext) -> Fitted:
    """Count transitions and choose the weights; see hmm.py."""
    from .hmm import fit

    return fit(config, context)


def build_hmm(config: HmmConfig, data: DataShape, fitted: Fitted) -> PostProcessing:
    """Build the map; see hmm.py."""
    from .hmm import build

    return build(config, data, fitted)


@hookimpl
def mabe_post_processing() -> list[PostProcessingSpec[Any]]:
    return [
        PostProcessingSpec(
            name="thresholds", config=ThresholdsConfig, build=build_thresholds, fit=fit_thresholds
        ),
        PostProcessingSpec(
            name="median_filter", config=MedianFilterConfig, build=build_median_filter, fit=fit_median_filter
        ),
        PostProcessingSpec(
            name="bout_length", config=BoutLengthConfig, build=build_bout_length, fit=fit_bout_length
        ),
        PostProcessingSpec(name="hmm", config=HmmConfig, build=build_hmm, fit=fit_hmm),
    ]
