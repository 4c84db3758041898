"""Classic classifiers on synthetic recordings: single frames, and hand-made motion features."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mabe_core import Dataset, Feature, Pose, Recording

Array = NDArray[np.float32]
Part = tuple[Array, NDArray[np.int64]]

NOSE, NECK, TAIL = 0, 3, 6  # keypoints of the synthetic mice
HALF_WINDOWS = (5, 15, 30)  # frames to either side
EVERY = 10  # neighbouring frames are alike, so each tenth is trained on


def model_input(recording: Recording, features: Sequence[Feature]) -> Array:
    """Return a recording's points as the model is given them, (frames, 2 mice, keypoints, 2)."""
    pose = Pose(torch.from_numpy(recording.points))
    for feature in features:
        pose = feature(pose)
    return pose.points.numpy()


def single_frames(points: Array) -> Array:
    """Return the columns of one frame, (frames, 28)."""
    return points.reshape(len(points), -1)


def motion(points: Array) -> Array:
    """Return distances, angles and speeds, with means and spreads around each frame: (frames, columns)."""
    signals = _signals(points)
    rates = np.abs(np.diff(signals, axis=0, prepend=signals[:1]))
    jerks = np.abs(np.diff(signals, n=2, axis=0, prepend=signals[:2]))
    columns = [signals, rates]
    for half in HALF_WINDOWS:
        mean = _around(signals, half)
        spread = np.sqrt(np.maximum(_around(signals**2, half) - mean**2, 0))
        columns += [mean, spread, _around(rates, half), _around(jerks, half)]
    return np.concatenate(columns, axis=1).astype(np.float32)


def macro_f1(truth: NDArray[np.int64], predicted: NDArray[np.int64], classes: int) -> float:
    """Return macro-F1 as the engine defines it."""
    return float(f1_score(truth, predicted, labels=range(classes), average="macro", zero_division=0))


def logistic_regression(train: Part, held_out: Part, classes: int) -> float:
    """Return the better macro-F1 of two logistic regressions: plain, and with balanced classes."""
    scores = []
    for weight in (None, "balanced"):
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300, class_weight=weight))
        model.fit(train[0][::EVERY], train[1][::EVERY])
        scores.append(macro_f1(held_out[1], model.predict(held_out[0]), classes))
    return max(scores)


def boosted_trees(train: Part, held_out: Part, classes: int, seed: int) -> float:
    """Return the macro-F1 of boosted trees."""
    model = HistGradientBoostingClassifier(random_state=seed)
    model.fit(train[0][::EVERY], train[1][::EVERY])
    return macro_f1(held_out[1], model.predict(held_out[0]), classes)


def baselines(dataset: Dataset, features: Sequence[Feature], seed: int) -> dict[str, float]:
    """Train on the training recordings and return macro-F1 on the validation recordings, by name."""
    classes = len(dataset.classes)
    parts: dict[str, list[tuple[Array, NDArray[np.int64]]]] = {"train": [], "validation": []}
    for recording in dataset.recordings:
        parts[recording.role or "train"].append(
            (model_input(recording, features), recording.views[0].labels.argmax(axis=1))
        )

    def columns(part: str, of: object) -> Part:
        assert callable(of)
        pairs = parts[part]
        return np.concatenate([of(points) for points, _ in pairs]), np.concatenate([y for _, y in pairs])

    return {
        "logistic regression, single frames": logistic_regression(
            columns("train", single_frames), columns("validation", single_frames), classes
        ),
        "boosted trees, distances and angles of single frames": boosted_trees(
            columns("train", _signals), columns("validation", _signals), classes, seed
        ),
        "boosted trees, motion features": boosted_trees(
            columns("train", motion), columns("validation", motion), classes, seed
        ),
    }


def _signals(points: Array) -> Array:
    """Return what two bodies look like to each other and move like, (frames, signals), in float64."""
    centre = points[:, :, [NECK, 4, 5]].mean(axis=2)
    axis = _unit(points[:, :, NECK] - points[:, :, TAIL])
    head = _unit(points[:, :, NOSE] - points[:, :, NECK])
    apart = centre[:, 1] - centre[:, 0]
    direction = _unit(apart)
    columns = [np.linalg.norm(apart, axis=-1)]
    for mouse, other, sign in ((0, 1, 1.0), (1, 0, -1.0)):
        columns += [
            np.linalg.norm(points[:, mouse, NOSE] - points[:, other, place], axis=-1)
            for place in (NOSE, NECK, TAIL)
        ]
        columns += [_cross(axis[:, mouse], head[:, mouse]), _dot(axis[:, mouse], sign * direction)]
        columns += [_dot(axis[:, mouse], sign * apart), _cross(axis[:, mouse], sign * apart)]
    columns += [_dot(axis[:, 0], axis[:, 1]), _cross(axis[:, 0], axis[:, 1])]
    columns += [centre[:, mouse, dim] for mouse in (0, 1) for dim in (0, 1)]
    return np.stack(columns, axis=1).astype(np.float64)


def _unit(vector: Array) -> Array:
    return vector / (np.linalg.norm(vector, axis=-1, keepdims=True) + 1e-6)


def _dot(a: Array, b: Array) -> Array:
    return (a * b).sum(-1)


def _cross(a: Array, b: Array) -> Array:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def _around(signals: Array, half: int) -> Array:
    """Return running means over 2·half + 1 frames."""
    padded = np.pad(signals, ((half + 1, half), (0, 0)), mode="edge")
    total = np.cumsum(padded, axis=0)
    return (total[2 * half + 1 :] - total[: -2 * half - 1]) / (2 * half + 1)
