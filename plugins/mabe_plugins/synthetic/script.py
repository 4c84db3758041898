"""Draws what two mice are to do in one recording: bouts, and what each strives for in each frame."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from .activities import ACTIVITIES, APPROACH, CLASSES, Activity, Drive, Range

FPS = 30.0
ARENA = (1024.0, 570.0)  # CalMS21's frame, in pixels
MARGIN = 50.0
BOUT_SPREAD = 0.6  # standard deviation of the logarithm of a bout's length
SHORTEST_BOUT = 6  # frames

Array = NDArray[np.float64]


@attrs.frozen(eq=False)
class Script:
    """What is wanted in each frame, every array (frames, 2): resident, intruder.

    relative: 1 where the goal is in the partner's frame (body lengths), 0 where it is a place (pixels).
    towards_motion, towards_partner, aligned: weights of where the body turns to.
    head, along, across: amplitudes (radians, body lengths), and the phase of each in turns.
    """

    behaviour: NDArray[np.int64]
    relative: Array
    goal_x: Array
    goal_y: Array
    speed: Array
    agility: Array
    towards_motion: Array
    towards_partner: Array
    aligned: Array
    head: Array
    head_phase: Array
    along: Array
    along_phase: Array
    across: Array
    across_phase: Array


def sine(turns: Array) -> Array:
    """Return Bhaskara's rational sine (off by 0.002 at most), which rounds alike on every machine."""
    part = 2 * (turns - np.floor(turns))
    u = part - np.floor(part)
    half = 16 * u * (1 - u) / (5 - 4 * u * (1 - u))
    return np.where(part < 1, half, -half)


def draw_script(rng: np.random.Generator, frames: int, jitter: float) -> Script:
    """Draw one recording's script; `jitter` is the annotator's, in seconds."""
    bouts, lengths = _draw_bouts(rng, frames)
    starts = np.concatenate([[0], np.cumsum(lengths)])[: len(bouts)]
    bout_of = np.repeat(np.arange(len(bouts)), lengths)[:frames]
    since = np.arange(frames) - starts[bout_of]
    mice = [
        _strive(rng, [getattr(bout, mouse) for bout in bouts], bout_of, since)
        for mouse in ("resident", "intruder")
    ]
    tracks = {name: np.stack([mouse[name] for mouse in mice], axis=1) for name in mice[0]}
    return Script(behaviour=_annotate(rng, bouts, starts, frames, jitter), **tracks)


def _draw_bouts(rng: np.random.Generator, frames: int) -> tuple[list[Activity], NDArray[np.int64]]:
    rates = np.array([activity.share / activity.seconds for activity in ACTIVITIES])
    bouts: list[Activity] = []
    lengths: list[int] = []
    last = 0
    while sum(lengths) < frames:
        odds = np.cumsum(np.where(np.arange(len(rates)) == last, 0.0, rates))
        drawn = int(np.searchsorted(odds, rng.random() * odds[-1], side="right"))
        wanted = ACTIVITIES[drawn]
        afar = not ACTIVITIES[last].contact
        for activity in [APPROACH, wanted] if wanted.contact and afar else [wanted]:
            seconds = activity.seconds * np.exp(BOUT_SPREAD * rng.standard_normal())
            bouts.append(activity)
            lengths.append(max(SHORTEST_BOUT, round(seconds * FPS)))
        last = drawn
    return bouts, np.array(lengths)


def _annotate(
    rng: np.random.Generator, bouts: list[Activity], starts: NDArray[np.int64], frames: int, jitter: float
) -> NDArray[np.int64]:
    """Return the class of each frame, (frames,), with borders set a little early or late."""
    noise = np.rint(rng.standard_normal(len(starts)) * jitter * FPS).astype(np.int64)
    noise[0] = 0
    borders = np.maximum.accumulate(np.maximum(starts + noise, 0))  # a late border can swallow a short bout
    classes = np.array([CLASSES.index(bout.behaviour) for bout in bouts])
    return classes[np.searchsorted(borders, np.arange(frames), side="right") - 1]


def _between(rng: np.random.Generator, ranges: list[Range]) -> Array:
    bounds: Array = np.array(ranges, dtype=np.float64)
    return bounds[:, 0] + (bounds[:, 1] - bounds[:, 0]) * rng.random(len(bounds))


def _strive(
    rng: np.random.Generator, drives: list[Drive], bout_of: NDArray[np.int64], since: NDArray[np.int64]
) -> dict[str, Any]:
    """Return one mouse's tracks, each (frames,)."""
    hold = np.maximum(1, np.rint(_between(rng, [drive.hold for drive in drives]) * FPS)).astype(np.int64)
    new_goal = (since % hold[bout_of]) == 0
    goal_of = np.cumsum(new_goal) - 1
    chosen = [drives[bout] for bout in bout_of[new_goal]]
    kinds = np.array([drive.goal for drive in chosen])
    place = rng.random((len(chosen), 2))
    turns = rng.random(len(chosen))
    wobble = rng.standard_normal((len(chosen), 2))
    side_x, side_y = sine(turns + 0.25), sine(turns)
    # the partner's outline is an ellipse of half axes 0.5 and 0.17 body lengths; 0.5 more to the own nose
    reach = 0.48 + 1 / np.sqrt((side_x / 0.5) ** 2 + (side_y / 0.17) ** 2)
    close = 0.35 + 0.25 * place[:, 0]
    goal = {
        "place": (
            MARGIN + place[:, 0] * (ARENA[0] - 2 * MARGIN),
            MARGIN + place[:, 1] * (ARENA[1] - 2 * MARGIN),
        ),
        "nose": (side_x * reach, side_y * reach),
        "beside": (side_x * close, side_y * close),
        "rear": (-0.3 + 0.03 * wobble[:, 0], 0.03 * wobble[:, 1]),
        "behind": (-1.0 + 0.05 * wobble[:, 0], 0.1 * wobble[:, 1]),
    }
    tracks: dict[str, Any] = {
        "relative": np.where(kinds == "place", 0.0, 1.0)[goal_of],
        "goal_x": np.select([kinds == kind for kind in goal], [x for x, _ in goal.values()])[goal_of],
        "goal_y": np.select([kinds == kind for kind in goal], [y for _, y in goal.values()])[goal_of],
        "speed": _between(rng, [drive.speed for drive in chosen])[goal_of],
        "agility": np.array([drive.agility for drive in drives])[bout_of],
    }
    faces = np.array([drive.face for drive in drives])[bout_of]
    for name, face in (
        ("towards_motion", "motion"),
        ("towards_partner", "partner"),
        ("aligned", "aligned"),
    ):
        tracks[name] = np.where(faces == face, 1.0, 0.0)
    for part in ("head", "along", "across"):
        rhythms = [getattr(drive, part) for drive in drives]
        hertz = _between(rng, [rhythm.hertz for rhythm in rhythms])
        tracks[part] = np.array([rhythm.size for rhythm in rhythms])[bout_of]
        tracks[f"{part}_phase"] = rng.random() + np.cumsum(hertz[bout_of]) / FPS
    return tracks
