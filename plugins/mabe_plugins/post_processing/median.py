"""The median filter over time."""

from __future__ import annotations

import numpy as np

from mabe_core import DataShape, FittingContext, PostProcessing

from . import Fitted, MedianFilterConfig
from .choosing import Probabilities, best_setting

# frames whose neighbourhoods are laid out at once
AT_ONCE = 16_384


def fit(config: MedianFilterConfig, context: FittingContext) -> Fitted:
    """Return {"seconds": the length of best macro-F1}."""
    return {"seconds": best_setting(config.seconds, context, lambda seconds: _filter(context.data, seconds))}


def build(data: DataShape, fitted: Fitted) -> PostProcessing:
    """Build the map."""
    return _filter(data, float(fitted["seconds"]))


def _filter(data: DataShape, seconds: float) -> PostProcessing:
    def smoothed(probability: Probabilities, fps: float) -> Probabilities:
        half = round(seconds * fps / 2)
        if not half:
            return probability.copy()
        found = running_median(probability, half)
        if data.exclusive:
            found = found / np.maximum(found.sum(axis=1, keepdims=True), np.finfo(found.dtype).tiny)
        return found

    return smoothed


def running_median(values: Probabilities, half: int) -> Probabilities:
    """Return the median over `half` frames to either side of each, ends repeated; (frames, classes)."""
    padded = np.pad(values, ((half, half), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1, axis=0)
    found = np.empty_like(values)
    for first in range(0, len(values), AT_ONCE):
        found[first : first + AT_ONCE] = np.median(windows[first : first + AT_ONCE], axis=-1)
    return found
