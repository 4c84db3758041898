"""Small made-up data that components are checked on: shapes, poses, recordings."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from mabe_core.exchange import DataShape, PoseLayout, Recording, Role, View

CLASSES = ("attack", "mount", "investigation", "other", "groom", "rear", "chase")

LAYOUTS = (
    PoseLayout(("resident", "intruder"), ("nose", "neck", "tail"), 2, 30.0),
    PoseLayout(("mouse",), ("nose", "tail"), 3, 25.0),
)


def data_shape(inputs: int, classes: int, frames: int, frame_gap: int = 1) -> DataShape:
    """Return the shape of data with that many input columns, classes and frames a window."""
    return DataShape(
        input_dim=inputs,
        num_classes=classes,
        class_names=CLASSES[:classes],
        sequence_length=frames,
        frame_gap=frame_gap,
        input_names=tuple(f"column{number}" for number in range(inputs)),
    )


# usual; odd lengths and few columns; one column and one frame
SHAPES = (data_shape(28, 4, 32), data_shape(6, 2, 17, frame_gap=2), data_shape(1, 7, 1))


def noise(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return numbers from N(0, 1) that do not touch torch's own generator."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def walk(
    layout: PoseLayout,
    frames: int = 80,
    *,
    missing: float = 0.0,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Return wandering animals, (frames, individuals, keypoints, dims) in pixels, some `missing`."""
    shape = (frames, len(layout.individuals), len(layout.keypoints), layout.dims)
    points = noise(*shape, seed=seed, dtype=torch.float64).cumsum(0) + 300
    points += 40.0 * torch.arange(shape[2])[:, None]
    gone = torch.rand(shape[:3], generator=torch.Generator().manual_seed(seed)) < missing
    return points.masked_fill(gone[..., None], torch.nan).to(dtype)


def recordings(count: int = 8, frames: int = 1200) -> tuple[Recording, ...]:
    """Return recordings that say their role, subject and lab, each class in every stretch of 40 frames."""
    return tuple(_recording(number, frames) for number in range(count))


def _recording(number: int, frames: int) -> Recording:
    rng = np.random.default_rng(number)
    labels = np.zeros((frames, 3), dtype=np.int8)
    labels[np.arange(frames), np.arange(frames) // 10 % 3] = 1
    role: Role = "validation" if number % 4 == 0 else "train"
    return Recording(
        name=f"recording{number}",
        points=rng.normal(300, 50, (frames, 2, 3, 2)).astype(np.float32),
        fps=30.0,
        individuals=("resident", "intruder"),
        keypoints=("nose", "neck", "tail"),
        views=(View((0, 1), labels),),
        groups={"subject": f"m{number // 2}", "lab": f"lab{number // 4}"},
        role=role,
    )
