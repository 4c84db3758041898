"""Generates the recordings of the synthetic dataset: scripts, motion, then what a tracker makes of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mabe_core import Dataset, Recording, View

from . import SyntheticConfig
from .activities import CLASSES
from .motion import KEYPOINTS, move
from .script import FPS, draw_script

INDIVIDUALS = ("resident", "intruder")
PARTS = ("train", "validation")
GRID = 64.0  # coordinates are rounded to 1/64 pixel, confidences to 1/1024
BODY_LENGTH = 130.0  # pixels
WHOLE_ANIMAL = 0.1  # of the missing points, this fraction goes missing with the whole animal


def generate(config: SyntheticConfig) -> Dataset:
    """Generate all recordings; each has a random stream of its own, named by seed, part and number."""
    frames = round(config.seconds * FPS)
    counts = {"train": config.train_recordings, "validation": config.validation_recordings}
    names = [(part, number) for part in PARTS for number in range(counts[part])]
    streams = [np.random.Generator(np.random.PCG64([config.seed, PARTS.index(p), n])) for p, n in names]
    scripts = [draw_script(rng, frames, config.annotator_jitter) for rng in streams]
    start = np.stack([rng.random((2, 4)) for rng in streams])
    size = BODY_LENGTH * (
        1 + 0.06 * np.stack([np.clip(rng.standard_normal(2), -2.5, 2.5) for rng in streams])
    )
    pace = 1 + 0.15 * np.stack([np.clip(rng.standard_normal(2), -2.5, 2.5) for rng in streams])
    moved = move(scripts, start, size, pace)
    recordings = []
    for (part, number), rng, script, clean in zip(names, streams, scripts, moved, strict=True):
        points, confidence = _track(rng, clean, config)
        labels = (script.behaviour[:, None] == np.arange(len(CLASSES))).astype(np.int8)
        recordings.append(
            Recording(
                name=f"{part}_{number:03d}",
                points=points,
                confidence=confidence,
                fps=FPS,
                individuals=INDIVIDUALS,
                keypoints=KEYPOINTS,
                views=(View((0, 1), labels),),
                groups={"subject": f"{part}_{number:03d}"},
                role="train" if part == "train" else "validation",
            )
        )
    return Dataset(recordings=tuple(recordings), classes=CLASSES, exclusive=True)


def _track(
    rng: np.random.Generator, clean: NDArray[np.float64], config: SyntheticConfig
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return noisy points with gaps, and confidence that tells of both, from points without noise."""
    noise = rng.standard_normal(clean.shape, dtype=np.float64)
    points = np.rint((clean + config.tracking_noise * noise) * GRID) / GRID
    error = noise[..., 0] * noise[..., 0] + noise[..., 1] * noise[..., 1]
    gone = _gaps(rng, clean.shape[:3], (1 - WHOLE_ANIMAL) * config.missing, config.missing_seconds)
    gone |= _gaps(rng, clean.shape[:2], WHOLE_ANIMAL * config.missing, config.missing_seconds)[..., None]
    points[gone] = np.nan
    confidence = np.where(gone, 0.1, 1.0) / (1 + error / 8)
    return points.astype(np.float32), (np.rint(confidence * 1024) / 1024).astype(np.float32)


def _gaps(rng: np.random.Generator, shape: tuple[int, ...], rate: float, seconds: float) -> NDArray[np.bool_]:
    """Return which entries are missing, (frames, …), in runs of geometric length.

    The number of runs is such that, overlaps counted once, about `rate` of all entries is missing.
    """
    frames, tracks = shape[0], int(np.prod(shape[1:]))
    length = max(1.0, seconds * FPS)
    runs = round(-np.log1p(-rate) * frames * tracks / length)
    begin, track = rng.integers(0, frames, runs), rng.integers(0, tracks, runs)
    end = np.minimum(frames, begin + rng.geometric(1 / length, runs))
    change = np.zeros((frames + 1, tracks), np.int64)
    np.add.at(change, (begin, track), 1)
    np.add.at(change, (end, track), -1)
    return (np.cumsum(change, axis=0)[:frames] > 0).reshape(shape)
