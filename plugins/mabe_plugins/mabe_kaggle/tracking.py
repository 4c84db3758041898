"""From a video's tracking, a row a body part and frame, to points in centimetres at one frame rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import numpy as np

from mabe_core import DataError, did_you_mean
from mabe_plugins.mabe_kaggle.parquet import Words, read_columns
from mabe_plugins.mabe_kaggle.table import MICE, Video

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mabe_plugins.mabe_kaggle import MabeKaggleConfig

COLUMNS = {"video_frame": "whole", "mouse_id": "whole", "bodypart": "word", "x": "number", "y": "number"}
# of parts that a lab does not track, the sets of others whose mean is taken; the first that is there
STAND_INS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "body_center": (
        ("lateral_left", "lateral_right"),
        ("hip_left", "hip_right", "neck"),
        ("spine_1", "spine_2"),
    ),
    "nose": (("head",),),
    "tail_base": (("hip_left", "hip_right"),),
    "neck": (("ear_left", "ear_right"),),
}
# the table's durations are rounded, and films run on after the last tracked frame, not the reverse
LONGER = 1.1
ROUNDING = 1e-6
# pixels that no picture has
FARTHEST = 1e6


@attrs.frozen(eq=False)
class Tracking:
    """A video's points at the dataset's frame rate.

    points: float32 (frames, mice, body parts, 2) in centimetres. mice: their numbers. source_frames: how many
    there were. lacking: body parts that are not tracked; stood_in: those that others stand for.
    """

    points: NDArray[np.float32]
    mice: tuple[int, ...]
    source_frames: int
    lacking: tuple[str, ...]
    stood_in: tuple[str, ...]


def read_tracking(video: Video, config: MabeKaggleConfig, file: Path) -> Tracking:
    """Return a video's points; raises DataError naming the row, from 1."""
    found = read_columns(file, COLUMNS)
    frame, mouse, parts = found["video_frame"], found["mouse_id"], found["bodypart"]
    if not len(frame):
        raise DataError.at(file, "there is no row in it.")
    _check_rows(frame, mouse, parts, file)
    frames = int(frame.max()) + 1
    if (
        config.longer_videos == "error"
        and video.seconds is not None
        and frames > LONGER * video.seconds * video.fps + 1
    ):
        raise DataError.at(
            file,
            f"has {frames} frames, more than the {video.seconds:g} s at {video.fps:g} frames/s that the "
            f"table tells in line {video.line}: is frames_per_second right? `longer_videos: keep` takes it.",
        )
    mice = tuple(int(number) for number in np.unique(mouse))
    points = np.full((frames, len(mice), len(parts.words), 2), np.nan, dtype=np.float32)
    place = np.searchsorted(mice, mouse)
    for axis, name in enumerate("xy"):
        far = np.flatnonzero(np.abs(found[name]) > FARTHEST)
        if len(far):
            raise DataError.at(file, f"row {far[0] + 1}: {name} is {found[name][far[0]]:g} pixels.")
        points[frame, place, parts.codes, axis] = found[name]
    points[np.isnan(points).any(axis=-1)] = np.nan
    common, lacking, stood_in = _common(points, parts.words, config, file)
    if np.isnan(common).all():
        raise DataError.at(file, f"none of the body parts {', '.join(config.body_parts)} is ever seen in it.")
    at_rate = resampled(common / np.float32(video.pixels_per_cm), video.fps, config.fps)
    return Tracking(at_rate, mice, frames, lacking, stood_in)


def _check_rows(frame: NDArray[np.int64], mouse: NDArray[np.int64], parts: Words, file: Path) -> None:
    early = np.flatnonzero(frame < 0)
    if len(early):
        raise DataError.at(
            file, f"row {early[0] + 1}: video_frame is {frame[early[0]]}; frames count from 0."
        )
    unknown = np.flatnonzero((mouse < MICE[0]) | (mouse > MICE[-1]))
    if len(unknown):
        raise DataError.at(
            file, f"row {unknown[0] + 1}: mouse_id is {mouse[unknown[0]]}; the table knows mice 1 to 4."
        )
    if frame.max() > 100 * len(frame):
        row = int(frame.argmax())
        raise DataError.at(
            file, f"row {row + 1}: video_frame is {frame[row]}, of {len(frame)} rows: are columns swapped?"
        )
    key = (frame * len(MICE) + mouse - 1) * len(parts.words) + parts.codes
    order = np.argsort(key, kind="stable")
    twice = np.flatnonzero(np.diff(key[order]) == 0)
    if len(twice):
        row = int(order[twice + 1].min())
        raise DataError.at(
            file,
            f"row {row + 1}: frame {frame[row]} of mouse {mouse[row]}, {parts.words[parts.codes[row]]}, is "
            "there twice.",
        )


def _common(
    points: NDArray[np.float32], words: Sequence[str], config: MabeKaggleConfig, file: Path
) -> tuple[NDArray[np.float32], tuple[str, ...], tuple[str, ...]]:
    """Return the points of the common body parts, those that are not tracked, and those others stand for."""
    common = np.full((*points.shape[:2], len(config.body_parts), 2), np.nan, dtype=np.float32)
    lacking: list[str] = []
    stood_in: list[str] = []
    for number, part in enumerate(config.body_parts):
        if part in words:
            common[:, :, number] = points[:, :, words.index(part)]
            continue
        others = [group for group in STAND_INS.get(part, ()) if config.stand_ins and set(group) <= set(words)]
        if others:
            stood_in.append(part)
            common[:, :, number] = points[:, :, [words.index(name) for name in others[0]]].mean(axis=2)
        else:
            lacking.append(part)
    if len(lacking) == len(config.body_parts):
        raise DataError.at(
            file, f"tracks none of the body parts that are asked for.{did_you_mean(lacking[0], list(words))}"
        )
    return common, tuple(lacking), tuple(stood_in)


def frames_at(frames: int, fps: float, wanted: float) -> int:
    """Return how many frames a film has at another rate: those whose midpoint lies in it, at least one."""
    return max(1, int(np.ceil(frames * wanted / fps - 0.5 - ROUNDING)))


def resampled(points: NDArray[np.float32], fps: float, wanted: float) -> NDArray[np.float32]:
    """Return the points at the midpoints of frames of another rate, on lines between frames.

    A point is missing where one of the two frames around it lacks it.
    """
    if abs(fps - wanted) <= ROUNDING * wanted:
        return points
    middles = (np.arange(frames_at(len(points), fps, wanted)) + 0.5) * (fps / wanted) - 0.5
    middles = middles.clip(0, len(points) - 1)
    before = np.floor(middles + ROUNDING).astype(np.int64)
    after = np.minimum(before + 1, len(points) - 1)
    share = (middles - before).astype(np.float32)[:, None, None, None]
    first = points[before]
    on_line = first + (points[after] - first) * share
    found: NDArray[np.float32] = np.where(np.abs(share) < ROUNDING, first, on_line)
    return found
