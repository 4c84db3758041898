"""One sequence of CalMS21 as its file holds it, checked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from mabe_core import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MICE, AXES, KEYPOINTS = 2, 2, 7
WIDTH, HEIGHT, FPS = 1024, 570, 30.0
# share of points that may lie outside of the picture: jumps of the tracker
OUTSIDE = 0.05
# pixels that no picture has
FARTHEST = 1e6
SHAPES = {
    "keypoints": (f"(frames, {MICE} mice, x and y, {KEYPOINTS} keypoints)", (MICE, AXES, KEYPOINTS)),
    "scores": (f"(frames, {MICE} mice, {KEYPOINTS} keypoints)", (MICE, KEYPOINTS)),
    "annotations": ("(frames,)", ()),
}


@attrs.frozen(eq=False)
class Sequence:
    """One sequence.

    points: float32 (frames, mice, keypoints, 2); scores: float32 (frames, mice, keypoints); codes: int
    (frames,) into words, the vocabulary in its order.
    """

    name: str
    group: str
    points: NDArray[np.float32]
    scores: NDArray[np.float32]
    codes: NDArray[np.int64]
    words: tuple[str, ...]
    annotator: int


def sequences(found: Any, file: Path) -> Iterator[Sequence]:
    """Yield the sequences of a file; raises DataError naming the sequence, and the frame if there is one."""
    if not isinstance(found, Mapping) or not found:
        raise DataError.at(file, "holds no groups of sequences: {group: {sequence: {keypoints, …}}}.")
    for group, inside in found.items():
        if not isinstance(inside, Mapping) or not inside:
            raise DataError.at(file, f"group {group!r} holds no sequences: {{sequence: {{keypoints, …}}}}.")
        for name, raw in inside.items():
            if not isinstance(raw, Mapping):
                raise DataError.at(
                    file, f"{name} is no sequence: {{keypoints, scores, annotations, metadata}}."
                )
            yield _sequence(str(group), str(name), raw, file)


def _sequence(group: str, name: str, raw: Mapping[str, Any], file: Path) -> Sequence:
    def fault(message: str) -> DataError:
        return DataError.at(file, f"{name}: {message}")

    for key in (*SHAPES, "metadata"):
        if key not in raw:
            remedy = " Name files with labels only." if key == "annotations" else ""
            raise fault(f"has no {key}; there: {', '.join(map(str, raw)) or 'nothing'}.{remedy}")
    arrays = {key: _array(raw[key], key, fault) for key in SHAPES}
    frames = len(arrays["keypoints"])
    for key in ("scores", "annotations"):
        if len(arrays[key]) != frames:
            raise fault(f"{key} has {len(arrays[key])} frames, keypoints {frames}: labels would shift.")
    if not frames:
        raise fault("has no frame.")
    points, scores = arrays["keypoints"], arrays["scores"]
    _check_values(points, scores, fault)
    words, annotator = _metadata(raw["metadata"], fault)
    codes = arrays["annotations"]
    wrong = np.flatnonzero(~np.isin(codes, np.arange(len(words))))
    if len(wrong):
        known = ", ".join(f"{code} {word}" for code, word in enumerate(words))
        raise fault(
            f"frame {wrong[0]} is annotated {codes[wrong[0]]:g}, which the vocabulary has not ({known})."
        )
    return Sequence(
        name=name,
        group=group,
        points=np.ascontiguousarray(points.swapaxes(2, 3), dtype=np.float32),
        scores=np.ascontiguousarray(np.nan_to_num(scores).clip(0, 1), dtype=np.float32),
        codes=codes.astype(np.int64),
        words=words,
        annotator=annotator,
    )


def _array(value: Any, key: str, fault: Any) -> NDArray[Any]:
    told, shape = SHAPES[key]
    array: NDArray[Any] = np.asarray(value)
    if array.dtype.kind not in "iuf" or array.ndim != len(shape) + 1 or array.shape[1:] != shape:
        raise fault(f"{key} is {array.shape} of {array.dtype}, not {told} of numbers.")
    return array


def _check_values(points: NDArray[Any], scores: NDArray[Any], fault: Any) -> None:
    far = np.argwhere(np.abs(points) > FARTHEST)
    if len(far):
        raise fault(f"frame {far[0][0]} has a keypoint at {points[tuple(far[0])]:g}, far from any picture.")
    outside = np.argwhere((scores < 0) | (scores > 1))
    if len(outside):
        value = scores[tuple(outside[0])]
        raise fault(
            f"frame {outside[0][0]} has the score {value:g}; scores lie between 0 and 1: are keypoints and "
            "scores swapped?"
        )
    size = np.array([WIDTH, HEIGHT])[:, None]
    beyond = float(((points < 0) | (points > size)).mean(axis=(0, 1, 3)).max())
    if beyond > OUTSIDE:
        raise fault(
            f"{beyond:.0%} of the points lie outside of the picture of {WIDTH} × {HEIGHT} pixels: "
            "are x and y swapped?"
        )


def _metadata(found: Any, fault: Any) -> tuple[tuple[str, ...], int]:
    """Return the vocabulary in the order of its numbers, and who annotated."""
    vocab = found.get("vocab") if isinstance(found, Mapping) else None
    if isinstance(vocab, (list, tuple, np.ndarray)):
        vocab = {str(word): code for code, word in enumerate(vocab)}
    if not isinstance(vocab, Mapping):
        raise fault("metadata has no vocab, which says what the annotations' numbers mean.")
    by_code = {code: str(word) for word, code in vocab.items() if isinstance(code, int)}
    if sorted(by_code) != list(range(len(vocab))) or len(vocab) < 2:
        raise fault(f"vocab should number two behaviours or more from 0, not {dict(vocab)}.")
    fps = next((found[key] for key in ("fps", "frame_rate", "frames_per_second") if key in found), FPS)
    if fps != FPS:
        raise fault(f"metadata says {fps} frames a second; CalMS21 has {FPS:g}.")
    annotator = found.get("annotator-id", found.get("annotator_id"))
    if not isinstance(annotator, int):
        told = re.search(r"annotator(\d+)", str(annotator))
        if told is None:
            raise fault(f"metadata has no annotator-id, a number, but {annotator!r}.")
        annotator = int(told[1])
    return tuple(by_code[code] for code in range(len(vocab))), annotator
