"""The split that cuts recordings: contiguous blocks of time, with a gap where the part changes.

A window spans `window_span` frames. Between two segments of different parts that many frames are left out,
so that no frame of one part's windows lies nearer than a window to the other's. Which block goes where is
drawn by the experiment's seed, DRAWS times; the draw wins in which every class is shared out most evenly.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import attrs
import numpy as np

from mabe_core import Partition, Recording, Role, Segment, SplitContext, UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mabe_plugins.splits import TimeBlocksConfig

DRAWS = 64
# how often it is tried further to get every class into every part, before it is given up
MOST_DRAWS = 2048

Counts: TypeAlias = "NDArray[np.int64]"
Orders: TypeAlias = "tuple[tuple[Role, ...], ...]"  # of the blocks of each recording


@attrs.frozen
class _Draw:
    """One assignment of blocks, and how it shares out the classes.

    lacking: pairs of part and class, for classes that the part has no frame of; unevenness: the largest
    difference between a part's share of a class and its share of all blocks.
    """

    segments: tuple[Segment, ...]
    lacking: tuple[tuple[str, int], ...]
    unevenness: float


def split_time_blocks(
    config: TimeBlocksConfig, recordings: Sequence[Recording], context: SplitContext
) -> Partition:
    """Return the parts; raises UserError where blocks are too short or a class cannot be in every part."""
    roles = _roles(config)
    for recording in recordings:
        _check_length(recording, config.blocks, context.window_span)
    running = [_running_counts(recording) for recording in recordings]
    best = _best_draw(roles, running, context)
    if best.lacking and config.missing_classes == "error":
        raise UserError(
            f"in {MOST_DRAWS} ways to cut the recordings into {config.blocks} blocks there is none with "
            f"every class in every part: {_lacking(best, context.classes)}. Raise `blocks`, leave the class "
            "out of the dataset's classes, or write `missing_classes: allow`."
        )
    return Partition(best.segments, _notice(best, len(recordings), context))


def _check_length(recording: Recording, blocks: int, span: int) -> None:
    if recording.frames // blocks - span < span:
        most = recording.frames // (2 * span)
        remedy = f"At most {most} fit." if most > 1 else "Shorten sequence_length or frame_gap."
        raise UserError(
            f"recording {recording.name!r} has {recording.frames} frames: too few for {blocks} blocks that "
            f"hold a window of {span} frames and a gap of as many. {remedy}"
        )


def _best_draw(roles: Sequence[Role], running: Sequence[Counts], context: SplitContext) -> _Draw:
    chance = random.Random(context.seed)
    orders = _order(roles, running, chance)
    best = _draw(orders, running, context.window_span)
    seen = {orders}
    for number in range(1, MOST_DRAWS):
        if number >= DRAWS and not best.lacking:
            break
        orders = _order(roles, running, chance)
        if orders in seen:  # of few blocks there are few orders
            continue
        seen.add(orders)
        draw = _draw(orders, running, context.window_span)
        if (len(draw.lacking), draw.unevenness) < (len(best.lacking), best.unevenness):
            best = draw
    return best


def _order(roles: Sequence[Role], running: Sequence[Counts], chance: random.Random) -> Orders:
    """Draw the order of each recording's roles."""
    orders = []
    for _ in running:
        shuffled = list(roles)
        chance.shuffle(shuffled)
        orders.append(tuple(shuffled))
    return tuple(orders)


def _roles(config: TimeBlocksConfig) -> list[Role]:
    """Return the roles of a recording's blocks, in no order."""
    validation = max(1, round(config.validation * config.blocks))
    test = max(1, round(config.test * config.blocks)) if config.test > 0 else 0
    train = config.blocks - validation - test
    if train < 1:
        raise UserError(
            f"no block of {config.blocks} is left to train on. Raise `blocks` or lower validation and test."
        )
    return [*["train"] * train, *["validation"] * validation, *["test"] * test]  # type: ignore[list-item]


def _draw(orders: Orders, running: Sequence[Counts], gap: int) -> _Draw:
    roles = orders[0]
    segments: list[Segment] = []
    for number, (order, counts) in enumerate(zip(orders, running, strict=True)):
        segments += _segments(number, len(counts) - 1, order, gap)
    parts = sorted(set(roles))
    wanted = np.array([roles.count(role) / len(roles) for role in parts])
    frames = np.zeros((len(parts), running[0].shape[1]), dtype=np.int64)
    for segment in segments:
        counts = running[segment.recording]
        frames[parts.index(segment.role)] += counts[segment.stop] - counts[segment.start]
    occurring = np.flatnonzero(sum(counts[-1] for counts in running))
    lacking = [
        (role, int(c)) for role, row in zip(parts, frames, strict=True) for c in occurring if not row[c]
    ]
    shares = frames[:, occurring] / np.maximum(frames[:, occurring].sum(axis=0), 1)
    unevenness = float(np.abs(shares - wanted[:, None]).max(initial=0.0))
    return _Draw(tuple(segments), tuple(lacking), unevenness)


def _segments(number: int, frames: int, roles: Sequence[Role], gap: int) -> list[Segment]:
    """Return the stretches of equal role, the gap taken half from either side of each change."""
    starts = [block * frames // len(roles) for block in range(len(roles))]
    changes = [block for block in range(1, len(roles)) if roles[block] != roles[block - 1]]
    stops = [*(starts[block] - gap // 2 for block in changes), frames]
    begins = [0, *(starts[block] - gap // 2 + gap for block in changes)]
    return [
        Segment(number, begin, stop, roles[block])
        for begin, stop, block in zip(begins, stops, [0, *changes], strict=True)
    ]


def _running_counts(recording: Recording) -> Counts:
    """Return, for each frame, the labelled frames a class of all views before it: (frames + 1, classes)."""
    present = np.stack([view.labels == 1 for view in recording.views]).sum(axis=0, dtype=np.int64)
    return np.concatenate([np.zeros_like(present[:1]), present.cumsum(axis=0)])


def _lacking(draw: _Draw, classes: Sequence[str]) -> str:
    return "; ".join(
        f"{role} has no frame of {classes[column] if classes else f'class number {column + 1}'!r}"
        for role, column in draw.lacking
    )


def _notice(draw: _Draw, recordings: int, context: SplitContext) -> str:
    what = "one recording" if recordings == 1 else f"{recordings} recordings"
    which = "this recording" if recordings == 1 else "these recordings"
    notice = f"{what} split by time blocks with a gap of {context.window_span} frames: "
    notice += f"scores tell about {which} only"
    return notice + (f"; {_lacking(draw, context.classes)}" if draw.lacking else "")
