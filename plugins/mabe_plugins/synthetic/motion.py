"""Moves bodies by their scripts and lays keypoints on them.

Only +, −, ×, ÷, square roots and comparisons are used, which IEEE 754 rounds alike everywhere; sines and
exponentials of numpy differ between processors in the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .script import ARENA, FPS, MARGIN, Array, Script, sine

KEYPOINTS = ("nose", "left_ear", "right_ear", "neck", "left_hip", "right_hip", "tail")

ARRIVAL = 0.25  # of the distance left is covered in a frame, once slower than the speed limit
TURN = 0.35  # of the half angle to the wanted heading is turned in a frame
SHARPEST_TURN = 0.25  # tangent of the half angle that is turned in a frame
SMOOTHING = 7  # frames over which amplitudes and bends fade


def _rotate(x: Array, y: Array, half: Array) -> tuple[Array, Array]:
    """Rotate vectors by the angle whose half has this tangent (Cayley's formula)."""
    norm = 1 + half * half
    cos, sin = (1 - half * half) / norm, 2 * half / norm
    return x * cos - y * sin, x * sin + y * cos


def _smooth(track: Array) -> Array:
    """Return the running mean over SMOOTHING frames, along the first axis."""
    half = SMOOTHING // 2
    padded = np.concatenate([np.repeat(track[:1], half + 1, 0), track, np.repeat(track[-1:], half, 0)])
    total: Array = np.cumsum(padded, axis=0)
    return (total[SMOOTHING:] - total[:-SMOOTHING]) / SMOOTHING


def move(scripts: Sequence[Script], start: Array, size: Array, pace: Array) -> Array:
    """Return keypoints without noise: pixels (recordings, frames, 2 mice, keypoints, 2).

    start: (recordings, 2 mice, 4) position and heading, each in [0, 1).
    size: body lengths in pixels, (recordings, 2). pace: factor on speeds, (recordings, 2).
    """
    centre, heading, turned = _steer(scripts, start, size, pace)
    return _lay_keypoints(scripts, centre, heading, turned, size)


def _gather(scripts: Sequence[Script], name: str) -> Array:
    """Return one track of all scripts, (frames, 2 mice, recordings), contiguous by frame."""
    return np.ascontiguousarray(np.stack([getattr(script, name) for script in scripts], axis=-1))


def _steer(
    scripts: Sequence[Script], start: Array, size: Array, pace: Array
) -> tuple[tuple[Array, Array], tuple[Array, Array], Array]:
    """Return centres, headings (unit vectors) and half turns, each part (frames, 2 mice, recordings)."""
    size = size.T
    names = (
        "relative",
        "goal_x",
        "goal_y",
        "speed",
        "agility",
        "towards_motion",
        "towards_partner",
        "aligned",
    )
    tracks = [_gather(scripts, name) for name in names]
    tracks[3] *= pace.T * size / FPS
    frames = len(tracks[0])
    path_x, path_y, nose_x, nose_y, turned = (np.empty((frames, *size.shape)) for _ in range(5))
    x, y = (
        MARGIN + start[..., 0].T * (ARENA[0] - 2 * MARGIN),
        MARGIN + start[..., 1].T * (ARENA[1] - 2 * MARGIN),
    )
    hx, hy = start[..., 2].T - 0.5, start[..., 3].T - 0.5
    norm = np.sqrt(hx * hx + hy * hy) + 1e-9
    hx, hy = hx / norm, hy / norm
    vx, vy = np.zeros_like(x), np.zeros_like(y)
    for frame in range(frames):
        relative, goal_x, goal_y, limit, agility, motion, partner, aligned = (t[frame] for t in tracks)
        ox, oy, ohx, ohy = x[::-1], y[::-1], hx[::-1], hy[::-1]
        other = size[::-1]
        near_x = ox + (goal_x * ohx - goal_y * ohy) * other
        near_y = oy + (goal_x * ohy + goal_y * ohx) * other
        dx = np.where(relative, near_x, goal_x) - x
        dy = np.where(relative, near_y, goal_y) - y
        far = np.sqrt(dx * dx + dy * dy) + 1e-9
        speed = np.minimum(limit, ARRIVAL * far) / far
        vx = vx + (dx * speed - vx) * agility
        vy = vy + (dy * speed - vy) * agility
        to_x, to_y = ox - x, oy - y
        apart = partner / (np.sqrt(to_x * to_x + to_y * to_y) + 1.0)
        fast = motion / (np.sqrt(vx * vx + vy * vy) + 1.0)
        want_x = to_x * apart + vx * fast + ohx * aligned
        want_y = to_y * apart + vy * fast + ohy * aligned
        cross, dot = hx * want_y - hy * want_x, hx * want_x + hy * want_y
        cross = np.where(dot < 0, np.where(cross < 0, cross + dot, cross - dot), cross)
        half = np.clip(TURN * cross, -SHARPEST_TURN, SHARPEST_TURN)
        hx, hy = _rotate(hx, hy, half)
        norm = np.sqrt(hx * hx + hy * hy)
        hx, hy = hx / norm, hy / norm
        x = np.clip(x + vx, MARGIN, ARENA[0] - MARGIN)
        y = np.clip(y + vy, MARGIN, ARENA[1] - MARGIN)
        path_x[frame], path_y[frame], nose_x[frame], nose_y[frame], turned[frame] = x, y, hx, hy, half
    return (path_x, path_y), (nose_x, nose_y), turned


def _lay_keypoints(
    scripts: Sequence[Script],
    centre: tuple[Array, Array],
    heading: tuple[Array, Array],
    turned: Array,
    size: Array,
) -> Array:
    size = size.T
    bend = _smooth(turned)
    yaw, along, across = (
        _smooth(_gather(scripts, part)) * sine(_gather(scripts, f"{part}_phase"))
        for part in ("head", "along", "across")
    )
    hx, hy = heading
    cx = centre[0] + size * (hx * along - hy * across)
    cy = centre[1] + size * (hy * along + hx * across)
    front_x, front_y = _rotate(hx, hy, bend)
    rear_x, rear_y = _rotate(hx, hy, -bend)
    head_x, head_y = _rotate(front_x, front_y, bend + yaw / 2)
    neck_x, neck_y = cx + 0.2 * size * front_x, cy + 0.2 * size * front_y

    points = np.empty((*cx.shape, len(KEYPOINTS), 2))

    def put(name: str, x: Array, y: Array) -> None:
        points[..., KEYPOINTS.index(name), 0] = x
        points[..., KEYPOINTS.index(name), 1] = y

    put("neck", neck_x, neck_y)
    put("nose", neck_x + 0.3 * size * head_x, neck_y + 0.3 * size * head_y)
    put("tail", cx - 0.5 * size * rear_x, cy - 0.5 * size * rear_y)
    for side, sign in (("left", 1.0), ("right", -1.0)):  # image coordinates: y points down
        put(
            f"{side}_ear",
            neck_x + size * (0.1 * head_x + sign * 0.09 * head_y),
            neck_y + size * (0.1 * head_y - sign * 0.09 * head_x),
        )
        put(
            f"{side}_hip",
            cx + size * (-0.28 * rear_x + sign * 0.12 * rear_y),
            cy + size * (-0.28 * rear_y - sign * 0.12 * rear_x),
        )
    return np.moveaxis(points, 2, 0)
